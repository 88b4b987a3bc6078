"""Filters of a template's field: `default=VALUE` and `shift=DURATION`, applied from left to right.

Times are ISO 8601 (RFC 3339's profile of it); a shifted time keeps its precision and is written in UTC with `Z`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final

from handlers.errors import TemplateError
from handlers.quantities import parse_duration

_FRACTION = re.compile(r":\d\d[.,](\d+)")
_JSON_SCALAR = re.compile(r"null|true|false|-?(?:0|[1-9]\d{0,17})(?:\.\d+)?(?:[eE][+-]?\d{1,2})?|\".*", re.DOTALL)
_MOST_DIGITS = 6


class _Missing:
    """The value of a field that the document lacks, or that is null there."""

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Default:
    """`default=VALUE`: what stands in for a missing field. `text` is VALUE as written, `value` is typed."""

    text: str
    value: Any

    @classmethod
    def parse(cls, argument: str) -> "Default":
        """A JSON number, true, false, null or string is that; anything else is text. Raises TemplateError."""
        if not _JSON_SCALAR.fullmatch(argument):
            return cls(argument, argument)
        try:
            value = json.loads(argument)
        except ValueError as error:
            raise TemplateError(f"default={argument} is not a JSON string: {error}") from None
        return cls(value if isinstance(value, str) else argument, value)

    def apply(self, value: Any, as_text: bool) -> Any:
        """The value, or the default for a missing one."""
        if value is not MISSING:
            return value
        return self.text if as_text else self.value


@dataclass(frozen=True, slots=True)
class Shift:
    """`shift=-24h`: an ISO 8601 time moved by a duration."""

    by: timedelta

    @classmethod
    def parse(cls, argument: str) -> "Shift":
        """Raises TemplateError."""
        sign = -1.0 if argument.startswith("-") else 1.0
        try:
            seconds = parse_duration(argument[1:] if argument[:1] in {"-", "+"} else argument)
            return cls(timedelta(seconds=sign * seconds))
        except (ValueError, OverflowError):
            raise TemplateError(
                f'shift={argument} is not a duration: write it like "shift=-24h" or "shift=30m"'
            ) from None

    def apply(self, value: Any, as_text: bool) -> Any:
        """The moved time. Raises TemplateError where the value is not a time."""
        return value if value is MISSING else shifted(value, self.by)


Filter = Default | Shift
_FILTERS: Final[Mapping[str, type[Default] | type[Shift]]] = {"default": Default, "shift": Shift}


def parse_filter(name: str, argument: str | None) -> Filter:
    """The filter of that name. Raises TemplateError."""
    if name not in _FILTERS:
        close = get_close_matches(name.lower(), _FILTERS, 1)
        cure = f"did you mean {close[0]}?" if close else "there are default=VALUE and shift=DURATION"
        raise TemplateError(f'there is no filter "{name}": {cure}')
    if argument is None:
        raise TemplateError(f'the filter "{name}" needs a value: write |{name}=…')
    return _FILTERS[name].parse(argument)


def shifted(value: Any, by: timedelta) -> str:
    """An ISO 8601 time moved by a duration, in UTC with `Z`; a time without a zone is UTC. Raises TemplateError."""
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        moved = (moment + by).replace(tzinfo=None)
    except (ValueError, TypeError):
        raise TemplateError(f"{_shown(value)} is not an ISO 8601 time, so it cannot be shifted") from None
    except OverflowError:
        raise TemplateError(f"{_shown(value)} shifted by {by} is outside the years 1 to 9999") from None
    return _written(moved, _fraction_digits(value)) + "Z"


def _written(moment: datetime, digits: int) -> str:
    """The time with as many digits of a second as it had, and more only where it needs them."""
    whole = moment.isoformat(timespec="seconds")
    fraction = f"{moment.microsecond:06d}"
    needed = len(fraction.rstrip("0"))
    digits = digits if needed <= digits else (3 if needed <= 3 else _MOST_DIGITS)
    return f"{whole}.{fraction[:digits]}" if digits else whole


def _fraction_digits(text: str) -> int:
    found = _FRACTION.search(text)
    return min(len(found[1]), _MOST_DIGITS) if found else 0


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
