"""Rules that cannot fire: reported where that is certain, and only there."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notification import Envelope, normal_type, read
from receiver.rules import Pattern, Rule
from receiver.rules.reachability import implies, never_matches, shadowed
from tests.receiver.rules.generated import EVENTS
from tests.receiver.rules.test_table import SOURCES, pattern_of


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"type": ["OrderChange"]}, "type: types are written in capitals: write ORDER_CHANGE"),
        ({"type": ["order change", "x"]}, "type: types are written in capitals: write ORDER_CHANGE, X"),
        ({"type": [{"exists": False}]}, "type: every notification has it"),
        ({"type": {"name": ["X"]}}, "type.name: type is a text and has no fields"),
        ({"event_time": [{"numeric": [">", 0]}]}, "event_time: the field is a text, which "),
        ({"seller_id": [5, True, None]}, "seller_id: the field is a text, which [5, true, null] never matches"),
        ({"attributes": {"size": [5]}}, "attributes.size: the field is a text, which [5] never matches"),
        ({"$or": [{"type": ["x"]}, {"version": [1]}]}, "type: types are written in capitals: write X"),
        ({"type": [{"prefix": "Order"}]}, 'type: types are written in capitals, none begins with "Order"'),
        ({"type": ["order", {"prefix": "Order"}]}, "type: types are written in capitals, none"),
        ({"seller_id": [""]}, "seller_id: where it is empty it is not there: write [{ exists = false }]"),
    ],
)
def test_never_matches(source: dict[str, Any], reason: str) -> None:
    found = never_matches(Pattern.parse(source))
    assert found is not None
    assert found.startswith(reason)


@pytest.mark.parametrize(
    "source",
    [
        {"type": ["ORDER_CHANGE", "orderChange"]},
        {"type": ["router.delivery_dead"]},
        {"type": [""]},
        {"type": [{"prefix": "ORDER"}, {"prefix": "x"}]},
        {"type": [{"prefix": "router.d"}]},
        {"type": [{"prefix": "rout"}]},
        {"type": [{"prefix": "x"}, {"suffix": "y"}]},
        {"type": [{"prefix": ""}]},
        {"seller_id": ["", "A1"]},
        {"attributes": {"size": [""]}},
        {"topic": [""]},
        {"type": [{"equals-ignore-case": "order_change"}]},
        {"type": [{"exists": False}, "X"]},
        {"seller_id": [{"exists": False}]},
        {"seller_id": [{"anything-but": 5}]},
        {"version": ["1.0", 1]},
        {"payload": {"n": [5], "n2": [{"numeric": [">", 5]}]}},
        {"message": [None]},
        {"attributes": [5]},
        {"$or": [{"type": ["x"]}, {"payload": {"a": [1]}}]},
    ],
)
def test_might_match(source: dict[str, Any]) -> None:
    assert never_matches(Pattern.parse(source)) is None


@given(st.text(max_size=12))
def test_types_are_normal_after_normalising(name: str) -> None:
    assert normal_type(normal_type(name)) == normal_type(name)


def test_documents_are_what_never_matches_takes_them_for() -> None:
    for message in ("text", "[]", '{"notificationType": "orderChange", "payload": {}}', '{"NotificationType": ""}'):
        (found,) = read(Envelope(message, "id", "arn:aws:sns:us-east-1:123456789012:t", 1.0))
        assert isinstance(found.document["type"], str)
        assert isinstance(found.document["event_time"], str)


def rule(name: str, source: dict[str, Any] | None, **options: Any) -> Rule:
    return Rule(name, Pattern.parse(source) if source else None, ("h",), **options)


def test_shadows() -> None:
    everything = rule("everything", None)
    orders = rule("orders", {"type": ["ORDER_CHANGE", "ORDER_STATUS_CHANGE"]}, stop=True)
    narrower = rule("narrower", {"type": ["ORDER_CHANGE"], "seller_id": ["S"]})
    wider = rule("wider", {"type": ["ORDER_CHANGE", "REPORT"]})
    last = rule("last", None, stop=True)
    after = rule("after", {"type": ["REPORT"]})
    off = rule("off", {"type": ["REPORT"]}, enabled=False)
    found = shadowed([everything, orders, narrower, wider, last, after, off])
    assert [(shadow.rule.name, shadow.by.name) for shadow in found] == [("narrower", "orders"), ("after", "last")]


def test_the_daemons_own_notifications_pass_a_stop_that_does_not_ask_for_them() -> None:
    own = {"type": ["router.delivery_dead"]}
    alarm, some = rule("alarm", own), rule("some", {"type": [{"prefix": "router."}], "payload": {"a": [1]}})
    orders = rule("orders", {"type": [{"prefix": "ORDER_"}], "payload": {"a": [1]}})
    everything, payload = rule("all", None, stop=True), rule("payload", {"payload": {"a": [1]}}, stop=True)
    assert [each.rule.name for each in shadowed([everything, alarm, some, orders])] == ["orders"]
    assert [each.rule.name for each in shadowed([payload, some, orders])] == ["orders"]
    for stop in ({"type": [{"prefix": "router."}]}, {"$or": [own, {"type": ["X"]}]}):
        assert [each.rule.name for each in shadowed([rule("own", stop, stop=True), alarm])] == ["alarm"]


def test_rules_without_stop_and_disabled_rules_shadow_nothing() -> None:
    assert shadowed([rule("a", None), rule("b", None, stop=True, enabled=False), rule("c", None)]) == []


@pytest.mark.parametrize(
    ("narrow", "wide", "certain"),
    [
        ({"a": ["x"]}, {"a": ["x", "y"]}, True),
        ({"a": ["x", "y"]}, {"a": ["x"]}, False),
        ({"a": [1]}, {"a": [1.0]}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": ["xy"]}, {"a": [{"prefix": "x"}]}, True),
        ({"a": [{"prefix": "xy"}]}, {"a": [{"prefix": "x"}]}, False),
        ({"a": [{"prefix": "x"}]}, {"a": ["z", {"prefix": "x"}]}, True),
        ({"a": [{"equals-ignore-case": "x"}]}, {"a": [{"equals-ignore-case": "x"}]}, True),
        ({"a": ["x"]}, {"a": [{"exists": True}]}, True),
        ({"a": [{"numeric": [">", 1]}]}, {"a": [{"exists": True}]}, True),
        ({"a": ["x"]}, {"b": ["x"]}, False),
        ({"a": ["x"], "b": [1]}, {"$or": [{"c": [1]}, {"b": [1, 2]}]}, True),
        ({"$or": [{"a": ["x"]}, {"b": [1]}]}, {"a": ["x"]}, False),
        ({"a": [{"exists": False}]}, {"a": [{"exists": False}]}, True),
        ({"a": [{"exists": False}], "b": [1]}, {"a": [{"exists": False}]}, False),
        ({"a": ["x"], "b": [1]}, {"a": ["x", {"exists": False}]}, True),
    ],
)
def test_implication(narrow: dict[str, Any], wide: dict[str, Any], certain: bool) -> None:
    assert implies(Pattern.parse(narrow), Pattern.parse(wide)) is certain


def test_implication_is_sound() -> None:
    """Whatever is called implied holds for every event; with rules that share much, so that much is."""
    proven: Counter[bool] = Counter()

    @settings(max_examples=200, deadline=None)
    @given(SOURCES, SOURCES, st.lists(EVENTS, min_size=5, max_size=5))
    def check(source: Any, other: Any, documents: list[dict[str, Any]]) -> None:
        wide, apart, joined = map(pattern_of, (source, other, {**(source or {}), **(other or {})} or None))
        for narrow in (wide, apart, joined):
            certain = implies(narrow, wide)
            proven[certain and narrow is not wide] += 1
            for document in documents if certain and narrow and wide else ():
                assert wide.matches(document) or not narrow.matches(document)

    check()
    assert proven[True] > 50, proven
