"""One `{path|filter=…}` field of a template: how it is written, found in a document, and missed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

from handlers.errors import TemplateError
from handlers.filters import MISSING, Default, Filter, parse_filter

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_SEGMENT = re.compile(rf"([\w$@-]+)|({_QUOTED})")
_FILTER = re.compile(rf"\|([\w-]*)(?:=({_QUOTED}(?=[|}}])|[^|}}]*))?")
_PLAIN = re.compile(r"[\w$@-]+")
_MOST_NAMES = 200
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Field:
    """A parsed field: `path` as its segments, `filters` in their order."""

    path: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    indexed: bool = False
    """Whether a segment may be the index of a list."""

    def value(self, document: Mapping[str, Any], as_text: bool = False) -> Any:
        """The field's value, through its filters. Raises TemplateError where it is missing."""
        value: Any = document
        try:
            for segment in self.path:
                value = value[segment]
        except (KeyError, TypeError):
            value = find(document, self.path) if self.indexed else MISSING
        if value is None:
            value = MISSING
        if self.filters:
            value = self._filtered(value, as_text)
        if value is MISSING:
            raise TemplateError(explain_missing(document, self.path))
        return value

    @property
    def optional(self) -> bool:
        """Whether a default stands in where it is missing."""
        return any(isinstance(step, Default) for step in self.filters)

    def _filtered(self, value: Any, as_text: bool) -> Any:
        try:
            for step in self.filters:
                value = step.apply(value, as_text)
        except TemplateError as error:
            raise TemplateError(f"field {dotted(self.path)}: {error}") from None
        return value


def parse_field(source: str, start: int) -> tuple[Field, int]:
    """The field whose `{` is before `start`, and where the text goes on after its `}`.

    Raises TemplateError, with the column in the source and the cure.
    """
    path, place = _parse_path(source, start)
    filters = []
    while place < len(source) and (match := _FILTER.match(source, place)):
        try:
            filters.append(parse_filter(match[1], match[2]))
        except TemplateError as error:
            raise TemplateError(f"column {place + 2}: {error}") from None
        place = match.end()
    if not source.startswith("}", place):
        raise TemplateError(_unfinished(source, start, place))
    return Field(path, tuple(filters), any(map(_is_index, path))), place + 1


def find(document: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path, MISSING where nothing does. A segment of digits also indexes a list."""
    value = document
    for segment in path:
        if isinstance(value, Mapping) and segment in value:
            value = value[segment]
        elif isinstance(value, list) and _is_index(segment) and int(segment) < len(value):
            value = value[int(segment)]
        else:
            return MISSING
    return value


def dotted(path: tuple[str, ...]) -> str:
    """The path as it is written in a template."""
    return ".".join(part if _PLAIN.fullmatch(part) else json.dumps(part) for part in path)


def explain_missing(document: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """Why nothing is at a path, with the nearest name that is there."""
    depth = next(depth for depth in range(len(path)) if find(document, path[: depth + 1]) in (MISSING, None))
    parent = find(document, path[:depth])
    where = dotted(path[:depth]) or "the notification"
    name = dotted(path[depth : depth + 1])
    field = f"field {dotted(path)} is missing"
    if find(document, path[: depth + 1]) is None:
        return f"{field}: {dotted(path[: depth + 1])} is null; allow for that with |default=…"
    if isinstance(parent, Mapping):
        return f"{field}: {where} has no {name}{_nearest(path[depth], parent)}"
    if isinstance(parent, list):
        return f"{field}: {where} is a list of {len(parent)}, and {name} is not an index in it"
    return f"{field}: {where} is a {_kind(parent)}, which has no fields"


def _parse_path(source: str, start: int) -> tuple[tuple[str, ...], int]:
    path: list[str] = []
    place = start
    while match := _SEGMENT.match(source, place):
        path.append(match[1] if match[1] is not None else _unquoted(match[2], place))
        place = match.end()
        if not source.startswith(".", place):
            return tuple(path), place
        place += 1
    raise TemplateError(_unfinished(source, start, place))


def _unquoted(text: str, place: int) -> str:
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise TemplateError(f"column {place + 1}: {text} is not a quoted name: {error}") from None


def _unfinished(source: str, start: int, place: int) -> str:
    if place >= len(source):
        return f'column {start}: "{{" is never closed: end the field with "}}", or write "{{{{" for a brace'
    found = json.dumps(source[place], ensure_ascii=False)
    if place == start:
        return f'column {place + 1}: a field\'s path stands after "{{", not {found}; for a brace write "{{{{"'
    return (
        f"column {place + 1}: {found} cannot stand in a field: write {{a.b}}, "
        f'a name with other characters as {{a."b c"}}, and a brace as "{{{{"'
    )


def _is_index(segment: str) -> bool:
    return segment.isascii() and segment.isdigit() and len(segment) < 10


def _nearest(name: str, siblings: Mapping[str, Any]) -> str:
    """`; did you mean …?`, or the first few names where none is near. Bounded: a sender chose the names."""
    names = [key for key in islice(siblings, _MOST_NAMES) if isinstance(key, str) and len(key) <= _LONGEST_NAME]
    folded = {key.casefold(): key for key in reversed(names)}
    if close := get_close_matches(name.casefold()[:_LONGEST_NAME], folded, 1):
        return f"; did you mean {dotted((folded[close[0]],))}?"
    listed = ", ".join(dotted((key,)) for key in names[:5])
    return f"; it has {listed}{', …' if len(names) > 5 else ''}" if names else "; it is empty"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else type(value).__name__
