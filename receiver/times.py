"""Times as texts: ISO 8601 in and out, seconds since the epoch (UTC) inside. Pure."""

from datetime import UTC, datetime

_CALENDAR = (-62135596800.0, 253402300799.0)
"""From the first to the last second that can be written as a date in UTC."""


def iso(seconds: float) -> str:
    """A time as ISO 8601 UTC with milliseconds and a Z, as SNS and SP-API write it.

    What the calendar has not, as older inboxes may hold it, becomes the nearest time that it has.
    """
    return in_calendar(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def has(seconds: float) -> bool:
    """Whether the calendar has a time in UTC."""
    return _CALENDAR[0] <= seconds <= _CALENDAR[1]


def in_calendar(seconds: float) -> datetime:
    """A time in UTC: the first or the last that can be written where it lies beyond them."""
    first, last = _CALENDAR
    return datetime.fromtimestamp(min(max(seconds, first), last), UTC)


def parse_time(text: object) -> float | None:
    """Seconds since the epoch for an ISO 8601 time (UTC where it names no zone), None for anything else.

    None too where the calendar has no such time in UTC: nobody could write it out again.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if has(seconds) else None
