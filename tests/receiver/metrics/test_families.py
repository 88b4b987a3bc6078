"""Counters and histograms of our own are shown exactly as prometheus_client shows its own."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from receiver.metrics.families import Families

BOUNDS = (0.001, 0.5, 1, 256)
AMOUNTS = st.lists(st.floats(min_value=0, max_value=1e6) | st.sampled_from(BOUNDS), max_size=30)
LABELS = st.sampled_from(["a", 'with "quotes"', "line\nbreak", "é"])


def text(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@given(st.lists(st.tuples(LABELS, AMOUNTS), max_size=6))
def test_by_labels(steps: list[tuple[str, list[float]]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counts, times = Families(ours).counters("x", "X", "by"), Families(ours).histograms("s", "S", BOUNDS, "by")
    counter = Counter("spapi_router_x", "X", ["by"], registry=theirs)
    histogram = Histogram("spapi_router_s", "S", ["by"], buckets=BOUNDS, registry=theirs)
    for label, amounts in steps:
        for amount in amounts:
            counts.labels(label).inc(amount)
            counter.labels(label).inc(amount)
            times.labels(label).observe(amount)
            histogram.labels(label).observe(amount)
    assert text(ours) == text(theirs)


@given(AMOUNTS)
def test_without_labels(amounts: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    count, times = Families(ours).counter("x", "X"), Families(ours).histogram("s", "S", BOUNDS)
    counter = Counter("spapi_router_x", "X", registry=theirs)
    histogram = Histogram("spapi_router_s", "S", buckets=BOUNDS, registry=theirs)
    for amount in amounts:
        count.inc()
        counter.inc()
        times.observe(amount)
        histogram.observe(amount)
    assert text(ours) == text(theirs)


def test_a_family_is_found_by_the_names_of_its_samples() -> None:
    registry = CollectorRegistry()
    make = Families(registry)
    make.counter("x", "X").inc(2)
    make.histogram("s", "S", BOUNDS).observe(0.7)
    shown = registry.restricted_registry(["spapi_router_x_total", "spapi_router_s_bucket"]).collect()
    assert {sample.name for family in shown for sample in family.samples} == {
        "spapi_router_x_total",
        "spapi_router_s_bucket",
    }
