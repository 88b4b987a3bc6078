"""What JSON values are to a pattern: how they are told apart, and how fields are found in an event.

Source: the README of Amazon's Event Ruler. An event is its leaves: a field's value is every scalar at its path, lists
are looked through at any depth, and an empty list or object has no leaves at all. Paths are joined with dots, so
`{"a": {"b": 1}}` and `{"a.b": 1}` hold the same field.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, Literal


class Mark(Enum):
    """Values that stand for something else: a field that is absent, and JSON's true and false."""

    MISSING = "absent"
    TRUE = "true"
    FALSE = "false"


MISSING: Final = Mark.MISSING
Scalar = str | int | float | bool | None
Identity = str | int | float | Literal[Mark.TRUE, Mark.FALSE] | None
"""A scalar as a key of sets and dicts: 1 and 1.0 are one key, `true` and 1 are two (Python's own would be one)."""


def identity(value: Scalar) -> Identity:
    """The key of a scalar."""
    if value is True:
        return Mark.TRUE
    return Mark.FALSE if value is False else value


def dotted_forms(path: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """For each step of a path but the last, the names with dots under which the field could stand there."""
    steps = range(len(path) - 1)
    return tuple(tuple(".".join(path[start:end]) for end in range(start + 2, len(path) + 1)) for start in steps)


def is_indirect(value: Any, path: Sequence[str], forms: Sequence[tuple[str, ...]]) -> bool:
    """Whether more than plain objects lies along a path: a list, or a name that is one of its `dotted_forms`."""
    for step, key in enumerate(path):
        if type(value) is not dict:
            break
        for name in forms[step] if step < len(forms) else ():
            if name in value:
                return True
        value = value.get(key)
    return type(value) is list


def nested(fields: dict[str, Any]) -> dict[str, Any]:
    """An object with its names split at the first dot: `{"a.b": 1}` as `{"a": {"b": 1}}`."""
    if not any("." in name for name in fields):
        return fields
    groups: dict[str, list[Any]] = {}
    for name, value in fields.items():
        head, dot, rest = name.partition(".")
        groups.setdefault(head, []).append({rest: value} if dot else value)
    return {head: _union(group) for head, group in groups.items()}


def _union(values: list[Any]) -> Any:
    """Several values of one name as one: objects merged, what else there is beside them in a list."""
    if len(values) == 1:
        return values[0]
    merged: dict[str, list[Any]] = {}
    for value in values:
        for name, inner in value.items() if isinstance(value, dict) else ():
            merged.setdefault(name, []).append(inner)
    fields = {name: group[0] if len(group) == 1 else group for name, group in merged.items()}
    return [value for value in values if not isinstance(value, dict)] + ([fields] if fields else [])


def items(values: Sequence[Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    """The scalars and the objects of a list, those of lists inside it included."""
    scalars: list[Any] = []
    objects: list[dict[str, Any]] = []
    stack = [iter(values)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, list):
                stack.append(iter(value))
                break
            (objects if isinstance(value, dict) else scalars).append(value)
        else:
            stack.pop()
    return scalars, objects


def leaves(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Every scalar that an event has at a path, through lists of any depth."""
    if isinstance(value, list):
        scalars, objects = items(value)
        if path:
            for fields in objects:
                yield from leaves(fields, path)
        else:
            yield from scalars
    elif isinstance(value, dict):
        if path and (inner := nested(value).get(path[0], MISSING)) is not MISSING:
            yield from leaves(inner, path[1:])
    elif not path:
        yield value
