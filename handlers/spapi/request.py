"""From an operation and its arguments to the request, without sending it (RFC 3986 for the escapes)."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from handlers.json_text import written
from handlers.spapi.errors import CatalogueError
from handlers.spapi.operation import Operation, Parameter

_FIELD = re.compile(r"\{([^}]*)\}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class RequestParts:
    """A request but for its host and its token."""

    method: str
    path: str
    """Percent-encoded."""
    query: tuple[tuple[str, str], ...] = ()
    """Names and values, not yet encoded, in the catalogue's order."""
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None

    @property
    def target(self) -> str:
        """The path with the query, percent-encoded."""
        encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.query)
        return f"{self.path}?{encoded}" if encoded else self.path


def build(operation: Operation, arguments: Mapping[str, Any], body: Any = None) -> RequestParts:
    """The request of an operation.

    `arguments` holds text, numbers, booleans, dates, or lists of them where the parameter takes several; None stands
    for "not given". `body` is anything JSON can say, or bytes that are JSON already. Raises CatalogueError, naming the
    parameter, for unknown ones, missing ones, and values that the parameter cannot carry.
    """
    given = {name: value for name, value in arguments.items() if value is not None and value not in ([], ())}
    check_names(operation, given)
    values = {item: _values(operation, item, given[item.name]) for item in operation.parameters if item.name in given}
    content = _content(operation, body)
    return RequestParts(
        method=operation.method,
        path=_path(operation, values),
        query=tuple(pair for item in values if item.place == "query" for pair in _pairs(item, values[item])),
        headers=tuple(_header(operation, item, values[item]) for item in values if item.place == "header"),
        content=content,
    )


def check_names(operation: Operation, given: Iterable[str]) -> None:
    """Raise CatalogueError for the first name that is no parameter, and for required ones that are missing."""
    given = tuple(given)
    for name in given:
        if not operation.has(name):
            raise CatalogueError(f"{operation.full_name} has no parameter {name!r}{_suggestion(operation, name)}")
    missing = [item.name for item in operation.parameters if item.required and item.name not in given]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise CatalogueError(f"{operation.full_name} needs the parameter{plural} {', '.join(missing)}")


def _suggestion(operation: Operation, name: str) -> str:
    known = {item.name.lower(): item.name for item in operation.parameters}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    if close:
        return f": did you mean {known[close[0]]!r}?"
    if not known:
        return ": it takes none"
    return f": it takes {', '.join(known.values())}"


def _values(operation: Operation, parameter: Parameter, value: Any) -> tuple[str, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if parameter.array is None:
            raise CatalogueError(f"{operation.full_name}: {parameter.name} takes one value, not a list")
        return tuple(_text(operation, parameter, item) for item in value)
    return (_text(operation, parameter, value),)


def _text(operation: Operation, parameter: Parameter, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _moment(operation, parameter, value)
    if isinstance(value, str | int | float | date):
        return str(value)
    raise CatalogueError(
        f"{operation.full_name}: {parameter.name} takes text, a number, true or false, not {type(value).__name__}"
    )


def _moment(operation: Operation, parameter: Parameter, value: datetime) -> str:
    if value.tzinfo is None:
        raise CatalogueError(f"{operation.full_name}: {parameter.name} needs a time with its time zone")
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _path(operation: Operation, values: Mapping[Parameter, tuple[str, ...]]) -> str:
    fields = {item.name: texts[0] for item, texts in values.items() if item.place == "path"}
    for name, text in fields.items():
        if text in {"", ".", ".."}:
            raise CatalogueError(f"{operation.full_name}: {name} cannot be {text!r}, it is a part of the path")
    return _FIELD.sub(lambda match: quote(fields[match[1]], safe=""), operation.path)


def _pairs(parameter: Parameter, values: tuple[str, ...]) -> list[tuple[str, str]]:
    if parameter.array == "multi":
        return [(parameter.name, value) for value in values]
    return [(parameter.name, ",".join(values))]


def _header(operation: Operation, parameter: Parameter, values: tuple[str, ...]) -> tuple[str, str]:
    value = ",".join(values)
    if not _HEADER_VALUE.fullmatch(value):
        raise CatalogueError(f"{operation.full_name}: {parameter.name} is a header, and takes printable ASCII only")
    return (parameter.name, value)


def _content(operation: Operation, body: Any) -> bytes | None:
    if body is None:
        if operation.takes_body:
            raise CatalogueError(f"{operation.full_name} needs a body: give its JSON, or {{}} for an empty one")
        return None
    if not operation.takes_body:
        raise CatalogueError(f"{operation.full_name} takes no body")
    try:
        return bytes(body) if isinstance(body, bytes | bytearray) else written(body)
    except (TypeError, ValueError) as error:
        raise CatalogueError(f"{operation.full_name}: the body is not JSON: {error}") from None
