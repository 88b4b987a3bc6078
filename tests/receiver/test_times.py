"""Times as texts."""

import pytest

from receiver.times import iso, parse_time


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59Z", "2026-03-06T20:00:26.112+02:00"])
def test_what_is_read_can_be_written(text: str) -> None:
    assert parse_time(iso(parse_time(text) or 0.0)) == parse_time(text)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z", "now", None, 7]
)
def test_what_could_not_be_written_again_is_no_time(text: object) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (253402300800.0, "9999-12-31T23:59:59.000Z"),
        (1e18, "9999-12-31T23:59:59.000Z"),
        (-1e18, "0001-01-01T00:00:00.000Z"),
    ],
)
def test_what_the_calendar_has_not_is_written_as_the_nearest_that_it_has(seconds: float, written: str) -> None:
    assert iso(seconds) == written
