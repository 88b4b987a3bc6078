"""The Retry-After header of an answer (RFC 9110, section 10.2.3)."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST = 86400.0
"""Seconds. A destination that asks for more, by mistake or malice, is asked again after a day."""

_SECONDS = re.compile(r"[0-9]{1,12}")


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds to wait, at most `LONGEST`; None where the header is absent or makes no sense.

    `now` is in seconds since the epoch: the header may hold a date.
    """
    if not text:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return min(float(text), LONGEST)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(moment.timestamp() - now, 0.0), LONGEST)
