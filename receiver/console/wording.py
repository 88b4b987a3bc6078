"""How values are written for people: times, ages, counts, JSON. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson
from markupsafe import Markup

from receiver import json_text
from receiver.times import in_calendar, iso

ABSENT = "\N{EN DASH}"
"""Stands where there is no value."""
_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0))
_SIZES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def when(seconds: float | None, now: float, *, ago: bool = False) -> str:
    """A time in UTC, with its year where that is not this one, and how long ago it was where that is wanted."""
    if seconds is None:
        return ABSENT
    moment = in_calendar(seconds)
    year = f" {moment.year}" if moment.year != in_calendar(now).year else ""
    past = f" ({age(now - seconds)} ago)" if ago and now >= seconds else ""
    return Markup('<time datetime="{}">{}</time>').format(iso(seconds), f"{moment:%d %b}{year} {moment:%H:%M:%S}{past}")


def age(seconds: float | None) -> str:
    """A duration in its two largest units: `3 d 4 h`, `12 s`."""
    if seconds is None:
        return ABSENT
    for place, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            smaller, small = [*_UNITS, ("s", 1.0)][place + 1]
            rest = int(seconds % size // small)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{max(seconds, 0):.0f} s"


def lasted(seconds: float) -> str:
    """How long something took: `4 ms`, `1.25 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def number(value: float | None) -> str:
    """A number with its thousands apart."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def size(count: int | None) -> str:
    """Bytes in their largest unit."""
    if count is None:
        return ABSENT
    return next((f"{count / each:,.1f} {unit}" for unit, each in _SIZES if count >= 0.95 * each), f"{count} bytes")


def pretty(value: Any) -> str:
    """JSON over several lines; as it is what is none, and what is nested deeper than orjson writes."""
    try:
        parsed = orjson.loads(value) if isinstance(value, bytes | str) else value
        return orjson.dumps(parsed, option=orjson.OPT_INDENT_2, default=_plain).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _as_it_is(value)


def _as_it_is(value: Any) -> str:
    if isinstance(value, bytes | str):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    try:
        return json_text.compact(value)
    except ValueError as error:
        return f"({error})"


def compact(value: Any) -> str:
    """JSON in a line."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
