"""Labels: looked up once, and no sender makes more of them than are bearable."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from receiver.metrics.families import Counters, Families


def counter(most: int) -> tuple[Counters, CollectorRegistry]:
    registry = CollectorRegistry()
    return Families(registry).counters("kept", "Kept", "type", most=most), registry


def counts(registry: CollectorRegistry) -> dict[str, float]:
    samples = (sample for family in registry.collect() for sample in family.samples)
    return {sample.labels["type"]: sample.value for sample in samples if sample.name == "spapi_router_kept_total"}


@given(st.lists(st.text(max_size=150), max_size=60))
def test_every_value_is_counted_and_few_are_told_apart(values: list[str]) -> None:
    children, registry = counter(most=8)
    for value in values:
        children.labels(value).inc()
    told = counts(registry)
    assert sum(told.values()) == len(values)
    assert len(told) <= 9
    assert all(len(label) <= 100 for label in told)


def test_a_known_value_keeps_its_child_also_when_no_more_are_let_in() -> None:
    children, registry = counter(most=2)
    first = children.labels("a")
    for value in ("b", "c", "d", ""):
        children.labels(value).inc()
    assert children.labels("a") is first
    first.inc()
    assert counts(registry) == {"a": 1.0, "b": 1.0, "other": 3.0}


def test_an_empty_value_is_named() -> None:
    children, registry = counter(most=2)
    children.labels("").inc()
    assert counts(registry) == {"none": 1.0}
