"""How values are written for people."""

from typing import Any

import orjson
import pytest

from receiver.console.wording import ABSENT, age, compact, lasted, number, pretty, size, when

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (90_000, "1 d 1 h"),
        (-5, "0 s"),
        (None, ABSENT),
    ],
)
def test_ages(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


def test_times_name_their_year_where_it_is_another() -> None:
    assert when(NOW, NOW) == '<time datetime="2026-09-21T14:13:20.000Z">21 Sep 14:13:20</time>'
    assert "01 Jan 1970 00:00:00" in when(0, NOW)
    assert "(1 min ago)" in when(NOW - 60, NOW, ago=True)
    assert "ago" not in when(NOW + 60, NOW, ago=True)
    assert when(None, NOW) == ABSENT


def test_numbers_and_sizes() -> None:
    assert (number(12345), number(None), number(1.5)) == ("12,345", ABSENT, "1.50")
    assert (size(12), size(1_024_000), size(5 << 30)) == ("12 bytes", "1.0 MiB", "5.0 GiB")
    assert (lasted(0.0041), lasted(2.5)) == ("4 ms", "2.50 s")


def test_json_is_laid_out_and_anything_else_left_as_it_is() -> None:
    assert pretty(b'{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty(b"\xff no json") == "\N{REPLACEMENT CHARACTER} no json"
    assert pretty("<p>") == "<p>"
    assert compact({"a": [1]}) == '{"a":[1]}'


def test_what_is_nested_deeper_than_json_is_written_is_shown_all_the_same() -> None:
    text = '{"a":' * 400 + "1" + "}" * 400
    assert pretty(text) == pretty(text.encode()) == text
    assert pretty(orjson.loads(text)) == text
    deepest: list[Any] = []
    for _ in range(5000):
        deepest = [deepest]
    assert pretty(deepest) == "(the value is nested too deep to be written)"
