import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handlers.quantities import parse_duration, parse_rate, parse_size
from handlers.settings import (
    Duration,
    HandlerSettings,
    PositiveDuration,
    Rate,
    RelativePath,
    Secret,
    SecretError,
    Size,
)


class Everything(HandlerSettings):
    duration: Duration = 1.0
    positive: PositiveDuration = 1.0
    rate: Rate = 1.0
    size: Size = 1
    path: RelativePath = Path("x")
    secret: Secret | None = None


def from_file(**values: Any) -> Everything:
    """As the rules file is read: as JSON, strictly, with the file's directory."""
    context = {"directory": Path("/etc/router")}
    return Everything.model_validate_json(json.dumps(values), strict=True, context=context)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("0s", 0), ("1h30m", 5400), ("250ms", 0.25), ("1.5d", 129600), ("2m3s4ms", 123.004)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong", ["", "30", "s", "-5s", "5 s", "5S", "1h 30m", "5sec", 30, 30.0, True, None, "1e3s", "٣s"]
)
def test_what_is_not_a_duration(wrong: object) -> None:
    with pytest.raises(ValueError, match="is not a duration: write a number and ms, s, m, h or d in quotes"):
        parse_duration(wrong)


@pytest.mark.parametrize("text", ["36501d", "9" * 400 + "d"])
def test_endless_durations(text: str) -> None:
    with pytest.raises(ValueError, match="longer than a hundred years") as caught:
        parse_duration(text)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(("text", "rate"), [("20/s", 20), ("30/m", 0.5), ("1.5 / h", 1.5 / 3600), ("1/d", 1 / 86400)])
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("wrong", ["", "20", "0/s", "20/sec", "20s", "-1/s", 20, None, "9" * 400 + "/s"])
def test_what_is_not_a_rate(wrong: object) -> None:
    with pytest.raises(ValueError, match="is not a rate: write a number above 0"):
        parse_rate(wrong)


@pytest.mark.parametrize(
    ("value", "size"),
    [("1MiB", 1 << 20), ("64 KiB", 1 << 16), ("2GiB", 2 << 30), ("5kB", 5000), ("7", 7), (0, 0), (9, 9)],
)
def test_sizes(value: object, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize("wrong", ["", "MiB", "1.5MiB", "1mib", -1, True, 1.0, None])
def test_what_is_not_a_size(wrong: object) -> None:
    with pytest.raises(ValueError, match="is not a size: write bytes"):
        parse_size(wrong)


@given(st.text() | st.integers() | st.floats() | st.none() | st.lists(st.integers()))
def test_no_value_raises_anything_else(value: object) -> None:
    for parse in (parse_duration, parse_rate, parse_size, Secret.parse):
        try:
            parse(value)
        except ValueError as error:
            assert len(str(error)) < 250  # noqa: PT017 - the text is what is tested


def test_a_number_of_seconds_is_for_code_only() -> None:
    assert Everything(duration=2.5, rate=3.0).duration == 2.5
    assert from_file(duration="2500ms", rate="3/s").duration == 2.5
    for name in ("duration", "positive", "rate"):
        with pytest.raises(ValidationError):
            from_file(**{name: 2.5})


def test_positive_durations() -> None:
    assert from_file(duration="0s").duration == 0
    with pytest.raises(ValidationError, match="longer than nothing"):
        from_file(positive="0s")


def test_relative_paths_are_seen_from_the_rules_file() -> None:
    assert from_file(path="a/b").path == Path("/etc/router/a/b")
    assert from_file(path="/a/b").path == Path("/a/b")
    assert Everything(path=Path("a/b")).path == Path("a/b")
    assert str(from_file(secret={"file": "key"}).secret) == '{ file = "/etc/router/key" }'
    assert Everything.model_validate({"secret": {"file": "key"}}).secret == Secret("file", "key")


def test_settings_refuse_unknown_keys_and_change() -> None:
    with pytest.raises(ValidationError):
        from_file(sise="1MiB")
    with pytest.raises(ValidationError):
        from_file(size="1MiB").size = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        "hunter2",
        {"env": "A", "file": "B"},
        {},
        {"vault": "x"},
        {"env": ""},
        {"env": 3},
        42,
        None,
        ["hunter2"],
    ],
)
def test_a_secret_is_a_reference_and_a_literal_is_not_repeated(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"\{ env = ") as caught:
        Secret.parse(wrong)
    assert "hunter2" not in str(caught.value)
    assert "42" not in str(caught.value)


def test_an_empty_path_is_not_the_directory_of_the_file() -> None:
    assert from_file(path=".").path == Path("/etc/router")
    with pytest.raises(ValidationError, match="must not be empty"):
        from_file(path="")


def test_secrets_from_the_environment() -> None:
    assert Secret("env", "KEY").read({"KEY": "value"}) == "value"
    for environ in ({}, {"KEY": ""}):
        with pytest.raises(SecretError, match="environment variable KEY is not set"):
            Secret("env", "KEY").read(environ)


def test_secrets_from_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    secret = Secret("file", str(path))
    with pytest.raises(SecretError, match="cannot be read"):
        secret.read()
    path.write_text("two\nlines\n")
    assert secret.read() == "two\nlines"
    path.write_text("rotated")
    assert secret.read() == "rotated"
    path.write_text("\n")
    with pytest.raises(SecretError, match="is empty"):
        secret.read()
    path.write_bytes(b"\xff")
    with pytest.raises(SecretError, match="cannot be read") as caught:
        secret.read()
    assert "xff" not in str(caught.value)


def test_secrets_from_systemd(tmp_path: Path) -> None:
    (tmp_path / "lwa").write_text("value\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert Secret("credential", "lwa").read(environ) == "value"
    for name, given_environ in (("lwa", {}), ("../lwa", environ), (".lwa", environ)):
        with pytest.raises(SecretError, match="add LoadCredential="):
            Secret("credential", name).read(given_environ)


def test_the_schema_names_the_forms() -> None:
    properties = Everything.model_json_schema()["properties"]
    assert properties["duration"]["examples"] == ["30s", "5m", "12h"]
    assert len(properties["secret"]["anyOf"][0]["oneOf"]) == 3
