"""Times as texts: ISO 8601 in and out, seconds since the epoch (UTC) inside. Pure."""

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """A time as ISO 8601 UTC with milliseconds and a Z, as SNS and SP-API write it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: object) -> float | None:
    """Seconds since the epoch for an ISO 8601 time (UTC where it names no zone), None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
