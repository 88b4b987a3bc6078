"""The table: the same rules fire as in a plain loop, and deliveries carry what the rules ask for."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.base import Template
from receiver.inbox.store import Once, Route
from receiver.notification import Envelope, Notification
from receiver.rules import OnceRule, Pattern, PatternError, Rule, Table
from tests.receiver.rules.generated import EVENTS, LEAVES, PATTERNS

TYPES = st.sampled_from(["T1", "T2"])
TYPE_LEAVES = st.one_of(st.lists(TYPES, min_size=1, max_size=2), st.lists(TYPES, min_size=1, max_size=1), LEAVES)
TYPED = st.builds(lambda pattern, types: pattern | {"type": types}, PATTERNS, TYPE_LEAVES)
SOURCES = st.one_of(PATTERNS, TYPED, TYPED, st.fixed_dictionaries({"type": TYPE_LEAVES}), st.none())
DOCUMENTS = st.builds(
    lambda document, types: document | types,
    EVENTS,
    st.one_of(
        st.fixed_dictionaries({"type": TYPES}),
        st.fixed_dictionaries({"type": st.one_of(st.lists(TYPES, max_size=2), st.sampled_from([None, True, 1, {}]))}),
        st.just({}),
    ),
)


def pattern_of(source: Mapping[str, Any] | None) -> Pattern | None:
    try:
        return None if source is None else Pattern.parse(source)
    except PatternError:
        return Pattern.parse({"never": ["there"]})


RULES = st.builds(
    lambda source, stop, enabled: Rule("r", pattern_of(source), ("h",), stop=stop, enabled=enabled),
    SOURCES,
    st.sampled_from([False] * 9 + [True]),
    st.sampled_from([True] * 9 + [False]),
)


def loop(rules: list[Rule], document: dict[str, Any]) -> list[int]:
    fired = []
    for place, rule in enumerate(rules):
        if rule.enabled and (rule.pattern is None or rule.pattern.matches(document)):
            fired.append(place)
            if rule.stop:
                break
    return fired


def test_table_is_the_loop() -> None:
    """At least 10,000 pairs of rule and event, of which a good part matches."""
    seen: Counter[str] = Counter()

    @settings(max_examples=210, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(RULES, min_size=10, max_size=16), st.lists(DOCUMENTS, min_size=5, max_size=5))
    def check(rules: list[Rule], documents: list[dict[str, Any]]) -> None:
        table = Table(rules)
        for document in documents:
            expected = loop(rules, document)
            fired = table.firing(document)
            assert [id(rule) for rule in fired] == [id(rules[place]) for place in expected], document
            seen["pairs"] += len(rules)
            seen["matching"] += sum(rule.pattern is not None and rule.pattern.matches(document) for rule in rules)
            seen["fired"] += len(fired)

    check()
    assert seen["pairs"] >= 10_000
    assert seen["matching"] > seen["pairs"] / 20, seen
    assert seen["fired"] > 1000, seen


@settings(max_examples=100, deadline=None)
@given(st.lists(RULES, min_size=1, max_size=3), st.lists(DOCUMENTS, min_size=5, max_size=5))
def test_a_table_of_few_rules_is_the_loop_too(rules: list[Rule], documents: list[dict[str, Any]]) -> None:
    table = Table(rules)
    for document in documents:
        assert [id(rule) for rule in table.firing(document)] == [id(rules[place]) for place in loop(rules, document)]


def notification(document: dict[str, Any]) -> Notification:
    envelope = Envelope("", "sns-1", "arn:aws:sns:us-east-1:123456789012:topic", 0.0)
    return Notification("n:7f", 0, document.get("type", ""), "1.0", "7f", "S", "M", 0.0, envelope, document)


def rule(name: str, source: dict[str, Any] | None, **options: Any) -> Rule:
    return Rule(name, Pattern.parse(source) if source else None, options.pop("handlers", ("erp",)), **options)


ORDER = {"type": "ORDER_CHANGE", "seller_id": "S1", "payload": {"order": {"id": "902-1", "status": "Unshipped"}}}


def test_all_that_match_fire_in_file_order() -> None:
    table = Table(
        [
            rule("all", None),
            rule("shipped", {"payload": {"order": {"status": ["Shipped"]}}}),
            rule("orders", {"type": ["ORDER_CHANGE"]}, handlers=("erp", "file")),
            rule("either", {"$or": [{"seller_id": ["S1"]}, {"type": ["ORDER_CHANGE"]}]}),
            rule("absent", {"subject": [{"exists": False}]}),
        ]
    )
    routes = [(route.rule, route.handler) for route in table.route(notification(ORDER))]
    assert routes == [("all", "erp"), ("orders", "erp"), ("orders", "file"), ("either", "erp"), ("absent", "erp")]


def test_what_matches_nothing_has_no_routes() -> None:
    assert Table([rule("other", {"type": ["REPORT"]})]).route(notification(ORDER)) == ()
    assert Table([]).route(notification(ORDER)) == ()


def test_stop_ends_the_search_and_disabled_rules_do_not() -> None:
    stop = rule("stop", {"seller_id": ["S1"]}, stop=True)
    off = rule("off", None, stop=True, enabled=False)
    table = Table([off, stop, rule("after", None)])
    assert [route.rule for route in table.route(notification(ORDER))] == ["stop"]
    assert [route.rule for route in table.route(notification(ORDER | {"seller_id": "S2"}))] == ["after"]


def test_a_rule_with_stop_and_no_handler_drops() -> None:
    table = Table([rule("drop", {"type": ["ORDER_CHANGE"]}, stop=True, handlers=()), rule("all", None)])
    assert table.route(notification(ORDER)) == ()


def test_routes_carry_key_and_options() -> None:
    key = Template.parse("{payload.order.id}")
    once = OnceRule(Template.parse("{seller_id}-{payload.order.status}"), 60.0)
    full = rule("full", {"type": ["ORDER_CHANGE"]}, key=key, coalesce=10.0, newest_only=True, once=once)
    assert Table([full]).route(notification(ORDER)) == (
        Route("full", "erp", "902-1", 10.0, True, Once("S1-Unshipped", 60.0), None),
    )


@pytest.mark.parametrize("which", ["key", "once"])
def test_a_missing_field_makes_the_deliveries_dead(which: str) -> None:
    template = Template.parse("{payload.order.number}")
    option: dict[str, Any] = {"key": template} if which == "key" else {"once": OnceRule(template, 5.0)}
    table = Table([rule("keyed", None, handlers=("erp", "file"), **option), rule("after", None)])
    *dead, alive = table.route(notification(ORDER))
    assert [(route.handler, route.key, route.once) for route in dead] == [("erp", None, None), ("file", None, None)]
    for route in dead:
        assert route.dead is not None
        for word in ('"keyed"', "payload.order.number", "7f", which):
            assert word in route.dead
    assert alive == Route("after", "erp")


def test_a_notification_without_id_is_named_by_its_dedup_key() -> None:
    envelope = Envelope("", "sns-1", "t", 0.0)
    plain = Notification("m:sns-1", 0, "", "", "", "", "", 0.0, envelope, {"type": ""})
    (route,) = Table([rule("keyed", None, key=Template.parse("{seller_id}"))]).route(plain)
    assert route.dead is not None
    assert "m:sns-1" in route.dead


def test_numbers_and_truths_are_found_by_value() -> None:
    sources: list[Any] = [1, 1.0, True, "1", None, 0, False]
    table = Table([rule(repr(value), {"a": [value]}) for value in sources])
    found = {repr(value): [one.name for one in table.firing({"a": value})] for value in sources}
    assert found["1"] == found["1.0"] == ["1", "1.0"]
    assert found["True"] == ["True"]
    assert found["'1'"] == ["'1'"]
    assert found["None"] == ["None"]
    assert found["0"] == ["0"]
    assert found["False"] == ["False"]


def test_explain_gives_a_verdict_for_every_rule() -> None:
    table = Table(
        [
            rule("wrong", {"type": ["ORDER_CHANGE"], "payload": {"order": {"status": ["Shipped"]}}}),
            rule("off", {"type": ["ORDER_CHANGE"]}, enabled=False),
            rule("stop", {"type": ["ORDER_CHANGE"]}, stop=True),
            rule("after", None),
        ]
    )
    verdicts = table.explain(notification(ORDER))
    assert [(verdict.rule.name, verdict.matched, verdict.fired) for verdict in verdicts] == [
        ("wrong", False, False),
        ("off", True, False),
        ("stop", True, True),
        ("after", True, False),
    ]
    assert str(verdicts[0].failed) == 'payload.order.status is "Unshipped", wanted ["Shipped"]'
    assert [verdict.failed for verdict in verdicts[1:]] == [None] * 3


@given(st.lists(RULES, min_size=1, max_size=8), DOCUMENTS)
def test_explain_agrees_with_route(rules: list[Rule], document: dict[str, Any]) -> None:
    table = Table(rules)
    verdicts = table.explain(notification(document))
    assert [verdict.rule for verdict in verdicts if verdict.fired] == table.firing(document)
    for verdict in verdicts:
        assert verdict.matched is (verdict.failed is None)
