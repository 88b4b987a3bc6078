"""Matching against a second, slow reading of Event Ruler: flatten the event, then search for consistent fields."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.rules import Pattern, PatternError
from receiver.rules.terms import Term
from receiver.rules.values import MISSING
from tests.receiver.rules.generated import EVENTS, PATTERNS

Leaf = tuple[str, Any, dict[int, int]]
"""A field's name, one of its values, and for each list around it which element the value is in."""


def flatten(value: Any) -> list[Leaf]:
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


def search(terms: Sequence[Term], fields: Sequence[Leaf], settled: dict[int, int]) -> bool:
    if not terms:
        return True
    term, rest = terms[0], terms[1:]
    consistent = [
        (value, within)
        for name, value, within in fields
        if name == term.name and all(settled.get(number, place) == place for number, place in within.items())
    ]
    if not consistent and term.leaf.accepts(MISSING):
        return search(rest, fields, settled)
    return any(search(rest, fields, settled | within) for value, within in consistent if term.leaf.accepts(value))


def expected(pattern: Pattern, document: dict[str, Any]) -> bool:
    fields = flatten(document)
    branches = [sorted(branch.terms, key=lambda term: term.name) for branch in pattern.branches]
    return any(search(terms, fields, {}) for terms in branches)


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


def readable(source: dict[str, Any]) -> Pattern | None:
    """The pattern, None for one that names a field twice."""
    try:
        return Pattern.parse(source)
    except PatternError as error:
        if "twice" in error.problem:
            return None
        raise


def test_matching_is_consistent_search() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
    @given(PATTERNS, st.lists(EVENTS, min_size=4, max_size=6))
    def check(source: dict[str, Any], documents: list[dict[str, Any]]) -> None:
        pattern = readable(source)
        for document in documents if pattern else ():
            if outside(pattern, document):
                continue
            matches = expected(pattern, document)
            seen["match" if matches else "none"] += 1
            seen["lists"] += any(within for _, _, within in flatten(document))
            assert pattern.matches(document) is matches, (source, document)

    check()
    assert min(seen.values()) > 80, seen
