"""A second, slow reading of Event Ruler's matching: flatten the event, then search for consistent fields."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from receiver.rules import Pattern
from receiver.rules.values import MISSING

Leaf = tuple[str, Any, dict[int, int]]
"""A field's name, one of its values, and for each list around it which element the value is in."""
Wanted = tuple[str, Callable[[Any], bool]]
"""A field's name, and whether a scalar, or MISSING, is accepted."""


def flatten(value: Any) -> list[Leaf]:
    """Every scalar of an event."""
    numbers = count()

    def walk(value: Any, path: tuple[str, ...], within: dict[int, int]) -> Iterator[Leaf]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(inner, (*path, name), within)
        elif isinstance(value, list):
            number = next(numbers)
            for place, inner in enumerate(value):
                deeper = {**within, number: place} if isinstance(inner, dict | list) else within
                yield from walk(inner, path, deeper)
        else:
            yield ".".join(path), value, within

    return list(walk(value, (), {}))


def search(wanted: Sequence[Wanted], fields: Sequence[Leaf], settled: dict[int, int]) -> bool:
    """Whether the fields, in the order of their names, are found in elements that agree."""
    if not wanted:
        return True
    (name, accepts), rest = wanted[0], wanted[1:]
    consistent = [
        (value, within)
        for found, value, within in fields
        if found == name and all(settled.get(number, place) == place for number, place in within.items())
    ]
    if not consistent and accepts(MISSING):
        return search(rest, fields, settled)
    return any(search(rest, fields, settled | within) for value, within in consistent if accepts(value))


def outside(pattern: Pattern, document: dict[str, Any]) -> bool:
    """Whether a case is among the two that are simplified on purpose.

    A field that has both values and fields of its own, in lists of lists; and an object that has a name both whole
    and as the beginning of a name with dots.
    """
    for branch in pattern.branches:
        names = [term.name for term in branch.terms]
        if any(other.startswith(f"{name}.") for name in names for other in names):
            return True
    return _both_names(document)


def _both_names(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_both_names, value))
    if not isinstance(value, dict):
        return False
    return any(name.split(".")[0] in value for name in value if "." in name) or any(map(_both_names, value.values()))
