import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 7", "größe 7"),
        ("a\r\nb\tc", "a  b c"),
        ("\x1b[31mred\x1b[0m\n", "[31mred [0m"),
        ("x" * 300, "x" * 200),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_one_short_line(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(max_size=400))
def test_whatever_comes(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text, 10)) <= 10
