from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.retry_after import LONGEST, parse_retry_after

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("86401", LONGEST),
        ("999999999999", LONGEST),
        ("9" * 30, None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
        ("Sun Nov  6 08:50:37 1994", 60.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ("Sun, 06 Nov 2094 08:49:00 GMT", LONGEST),
        ("Sun, 06 Nov 99999 08:49:00 GMT", None),
        ("soon", None),
    ],
)
def test_seconds_and_dates(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST


@given(st.integers(1, int(LONGEST)))
def test_dates_come_back_as_seconds(wait: int) -> None:
    assert parse_retry_after(formatdate(NOW + wait, usegmt=True), NOW) == wait
