"""Why a pattern does not match: the first condition that failed."""

from typing import Any

import pytest

from receiver.rules import Pattern
from receiver.rules.trace import first_failure

ITEMS = {"type": "T", "items": [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}]}


@pytest.mark.parametrize(
    ("source", "document", "text"),
    [
        ({"a": ["x"]}, {"a": "y"}, 'a is "y", wanted ["x"]'),
        ({"a": ["x"]}, {}, 'a is absent, wanted ["x"] (the document has no a)'),
        ({"a": ["x"]}, {"a": None}, 'a is null, wanted ["x"]'),
        ({"a": [{"exists": False}]}, {"a": 1}, 'a is 1, wanted [{"exists": false}]'),
        ({"a": ["x"]}, {"a": ["y", 1, True]}, 'a is "y", 1, true, wanted ["x"]'),
        ({"a": ["x"]}, {"a": list(range(9))}, 'a is 0, 1, 2, 3, 4, …, wanted ["x"]'),
        ({"a": ["x"]}, {"a": {"b": 1}}, 'a is an object, which has no value of its own, wanted ["x"]'),
        ({"a": ["x"]}, {"a": []}, 'a is a list without values, wanted ["x"]'),
        ({"a": {"b c": ["x"]}}, {"a": {"b c": "é"}}, 'a."b c" is "é", wanted ["x"]'),
        (
            {"payload": {"order": {"status": ["x"]}}},
            {"payload": {"order": {"Status": "x"}}},
            'payload.order.status is absent, wanted ["x"] (payload.order has no status; did you mean Status?)',
        ),
        ({"a": ["x"], "b": [1]}, {"a": "y", "b": 2}, 'a is "y", wanted ["x"]'),
        ({"a": ["x"], "b": [1]}, {"a": "x", "b": 2}, "b is 2, wanted [1]"),
        ({"$or": [{"a": ["x"]}, {"b": [1], "c": [1]}]}, {"a": "y", "b": 1, "c": 2}, "c is 2, wanted [1]"),
        (
            {"items": {"sku": ["A"], "n": [2]}},
            ITEMS,
            'items.sku is "A", "B", wanted ["A"] (not in the same list element as items.n)',
        ),
    ],
)
def test_first_failure(source: dict[str, Any], document: dict[str, Any], text: str) -> None:
    assert str(first_failure(Pattern.parse(source), document)) == text


def test_no_failure_where_it_matches() -> None:
    assert first_failure(Pattern.parse({"items": {"sku": ["B"], "n": [2]}}), ITEMS) is None


def test_long_values_are_cut() -> None:
    failed = first_failure(Pattern.parse({"a": ["x"]}), {"a": "y" * 100_000})
    assert failed is not None
    assert len(failed.seen) == 120
    assert failed.seen.endswith("…")
