"""Paths to fields, and what they drop and mask."""

from typing import Any

import pytest

from receiver.privacy.changes import drop, mask
from receiver.privacy.paths import FieldPath


@pytest.mark.parametrize(
    ("source", "steps"),
    [
        ("payload", ("payload",)),
        ("payload.A.b", ("payload", "A", "b")),
        ("payload.Offers.*.SellerId", ("payload", "Offers", "*", "SellerId")),
        ('attributes."a b.c"', ("attributes", "a b.c")),
        (r'message."a\"b"', ("message", 'a"b')),
    ],
)
def test_paths_are_names_with_dots_between(source: str, steps: tuple[str, ...]) -> None:
    assert FieldPath.parse(source).steps == steps


@pytest.mark.parametrize("source", ["", ".", "a.", ".a", "a..b", "a b", "a.*b", '"a', "payload.x[0]", "a.**"])
def test_what_is_no_path_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(ValueError, match=r"at column [0-9]+|expected"):
        FieldPath.parse(source)


CASES: list[tuple[str, Any, Any, Any]] = [
    ("a", {"a": 1, "b": 2}, {"b": 2}, {"a": "***", "b": 2}),
    ("a.b", {"a": {"b": "x", "c": 1}}, {"a": {"c": 1}}, {"a": {"b": "***", "c": 1}}),
    ("a.*.b", {"a": [{"b": 1}, {"c": 2}]}, {"a": [{}, {"c": 2}]}, {"a": [{"b": "***"}, {"c": 2}]}),
    ("a.b", {"a": [{"b": 1}, [{"b": 3}]]}, {"a": [{}, [{}]]}, {"a": [{"b": "***"}, [{"b": "***"}]]}),
    ("a.*", {"a": {"b": 1, "c": [2]}}, {"a": {}}, {"a": {"b": "***", "c": ["***"]}}),
    ("a.*", {"a": [1, {"b": 2}]}, {"a": []}, {"a": ["***", {"b": "***"}]}),
    ("a.1", {"a": [1, 2, 3]}, {"a": [1, 3]}, {"a": [1, "***", 3]}),
    ("*.b", {"x": {"b": 1}, "y": {"b": 2}}, {"x": {}, "y": {}}, {"x": {"b": "***"}, "y": {"b": "***"}}),
    ("a", {"A": 1}, {}, {"A": "***"}),
    ("a", {"a": None}, {}, {"a": None}),
    ("a", {"a": {"b": [True, 1.5, None]}}, {}, {"a": {"b": ["***", "***", None]}}),
    ("a.b", {"a": "text"}, {"a": "text"}, {"a": "text"}),
    ("a.b.c", {"a": {"b": [1, "x"]}}, {"a": {"b": [1, "x"]}}, {"a": {"b": [1, "x"]}}),
    ("a", [{"a": 1}, {"a": 2}], [{}, {}], [{"a": "***"}, {"a": "***"}]),
    ("a", "text", "text", "text"),
]


@pytest.mark.parametrize(("path", "value", "dropped", "masked"), CASES)
def test_dropping_and_masking(path: str, value: Any, dropped: Any, masked: Any) -> None:
    import copy

    named = FieldPath.parse(path)
    for act, expected in ((drop, dropped), (mask, masked)):
        mine = copy.deepcopy(value)
        count = act(mine, named)
        assert mine == expected
        assert bool(count) == (expected != value or value == {"a": None})


def test_a_path_covers_what_lies_in_it() -> None:
    path = FieldPath.parse("payload.Offers.*.SellerId")
    assert path.covers(("payload", "Offers", "SellerId"))
    assert path.covers(("payload", "Offers", "0", "SellerId"))
    assert path.covers(("payload", "offers", "sellerId", "deep"))
    assert not path.covers(("payload", "Offers"))
    assert not path.covers(("payload", "Offers", "Price"))
