"""Matching against a second, slow reading of Event Ruler."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.rules import Pattern, PatternError
from tests.receiver.rules.generated import EVENTS, PATTERNS
from tests.receiver.rules.reference import flatten, outside, search


def expected(pattern: Pattern, document: dict[str, Any]) -> bool:
    fields = flatten(document)
    branches = [[(term.name, term.leaf.accepts) for term in branch.ordered] for branch in pattern.branches]
    return any(search(wanted, fields, {}) for wanted in branches)


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
