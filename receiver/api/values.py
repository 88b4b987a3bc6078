"""Value types of the API: what a program may write in a query or a body, and how times are answered.

Each takes exactly what its JSON Schema says, so that the OpenAPI document promises neither too much nor too little.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from receiver import times

LARGEST_ID = 10**18 - 1
LONGEST_TEXT = 200
_DIGITS = re.compile(r"[0-9]{1,18}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]([0-9]{2}:[0-9]{2}:)([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)
_AGE = re.compile(r"([0-9]{1,5})([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AGE_PATTERN = "^[0-9]{1,5}[smhd]$"
_PRINTABLE = r"^[^\u0000-\u001f\u007f]+$"


def moment(seconds: float | None) -> str | None:
    """A time as it is answered, None where there is none or the calendar has it not."""
    return times.iso(seconds) if seconds is not None and times.has(seconds) else None


def seconds_of(text: str | None, now: float) -> float | None:
    """Seconds since the epoch of what `Time` takes: an RFC 3339 time, a day, or an age. Raises ValueError."""
    if text is None:
        return None
    if age := _AGE.fullmatch(text):
        return now - int(age[1]) * _SECONDS[age[2]]
    if not (match := _MOMENT.fullmatch(text)):
        raise ValueError(f"{text!r} is not a time: write 2026-03-06T20:00:26Z, 2026-03-06, or an age like 2h or 7d")
    day, minute, second, fraction, zone = match.groups()
    if minute is None:
        return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    # A leap second (RFC 3339, 5.7) is the first of the next minute, as POSIX time counts.
    leap = second == "60"
    written = f"{day}T{minute}{'59' if leap else second}{zone.upper()}"
    return datetime.fromisoformat(written).timestamp() + leap + float(fraction or 0)


def _time(text: str) -> str:
    seconds_of(text, 0.0)
    return text


def _whole(value: Any) -> Any:
    """A number out of a query; what is no text is for the next validator."""
    if not isinstance(value, str):
        return value
    if not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _integral(value: Any) -> Any:
    """1.0 is an integer too (JSON Schema, validation, 6.1.1)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flag(value: Any) -> Any:
    if value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value == "true"


Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=_PRINTABLE)]
"""A name or an identifier: compared as it is."""
Time = Annotated[
    str,
    AfterValidator(_time),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
                {"type": "string", "pattern": _AGE_PATTERN},
            ],
            "examples": ["2026-03-06T20:00:26Z", "2026-03-06", "2h"],
        }
    ),
]
"""A time, or how long ago: `2h` is two hours before now."""
Moment = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-06T20:00:26.000Z"]})
]
"""A time as it is answered."""
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_integral)]
PathId = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_whole)]
Limit = Annotated[int, Field(ge=1, le=200), BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Cursor = Annotated[
    int,
    Field(ge=1, le=LARGEST_ID),
    BeforeValidator(_whole),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}),
]
"""The `next` of the page before."""
