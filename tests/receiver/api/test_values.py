"""What the API takes as times and numbers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.api.values import moment, seconds_of

NOW = 1_800_000_000.0
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01t01:00:00.25+01:00", 0.25),
        ("1970-01-02", 86400.0),
        ("2016-12-31T23:59:60Z", 1483228800.0),
        ("2016-12-31T23:59:60.5z", 1483228800.5),
        ("2h", NOW - 7200),
        ("0s", NOW),
        ("99999d", NOW - 99999 * 86400),
        ("0001-01-01T00:00:00+23:59", -62135683140.0),
    ],
)
def test_times_and_ages(text: str, seconds: float) -> None:
    assert seconds_of(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "2", "h", "1h30m", "-2h", "now", "\uff11h", "123456d", "20260101", "2026-02-30", "2026-01-01T00:00Z"),
        *("2026-01-01T00:00:00", "2026-01-01T25:00:00Z", "1970-01-01T00:00:00 01:00", "2026-01-01T00:00:61Z"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        seconds_of(text, NOW)


@given(st.datetimes(timezones=ZONES))
def test_every_time_of_rfc_3339_is_taken(at: datetime) -> None:
    assert seconds_of(at.isoformat(), NOW) == pytest.approx((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


@given(st.one_of(st.none(), st.floats()))
def test_a_time_is_answered_or_absent_whatever_the_number(seconds: float | None) -> None:
    text = moment(seconds)
    assert text is None or abs((seconds_of(text, NOW) or 0.0) - (seconds or 0.0)) <= 0.001
