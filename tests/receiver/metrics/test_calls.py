"""What handlers tell of themselves."""

from prometheus_client import CollectorRegistry

from receiver.metrics.calls import HandlerMetrics
from receiver.metrics.families import Families


def test_a_report_is_counted_when_it_comes_to_a_state_and_waits_as_long_as_it_is_looked_at() -> None:
    now = [0.0]
    registry = CollectorRegistry()
    metrics = HandlerMetrics(Families(registry), lambda: now[0])
    for state in ("IN_QUEUE", "IN_QUEUE", "IN_PROGRESS"):
        metrics.report_seen("report", "a", state)
    metrics.report_seen("report", "b", "IN_QUEUE")
    assert metrics.reports_waiting() == {("report", "IN_PROGRESS"): 1, ("report", "IN_QUEUE"): 1}
    now[0] = 30.0
    metrics.report_seen("report", "a", "DONE")
    assert metrics.reports_waiting() == {("report", "IN_QUEUE"): 1}
    now[0] = 601.0
    assert metrics.reports_waiting() == {}
    labels = {"handler": "report"}
    for state, count in {"IN_QUEUE": 2.0, "IN_PROGRESS": 1.0, "DONE": 1.0}.items():
        assert registry.get_sample_value("spapi_router_reports_total", labels | {"state": state}) == count


def test_reports_that_are_remembered_are_bounded() -> None:
    metrics = HandlerMetrics(Families(CollectorRegistry()))
    for number in range(1500):
        metrics.report_seen("report", str(number), "IN_QUEUE")
    assert metrics.reports_waiting() == {("report", "IN_QUEUE"): 1000}
