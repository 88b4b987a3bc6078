"""What the daemon counts as it happens. One registry for each daemon."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric

from receiver.dispatcher.outcomes import Ended
from receiver.metrics.build import build_info
from receiver.metrics.calls import HandlerMetrics
from receiver.metrics.children import Children
from receiver.metrics.gauges import FAMILIES, Gauges
from receiver.metrics.plans import PLAN_FAMILIES
from receiver.metrics.readings import Readings

_ACK_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
_ATTEMPT_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_DELIVERY_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0)
_COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_MOST_TYPES = 200


class Metrics:
    """Counters and histograms of one daemon; also the dispatcher's observer. Used from the event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._counter("received", "Pushes received on the SNS route")
        self.duplicates = self._counter("duplicates", "Repeats answered 200 that ran nothing")
        self.refused = self._counters("refused", "Pushes refused for good (4xx), by reason", "reason")
        self.unavailable = self._counters("unavailable", "Pushes answered 503, by reason", "reason")
        self.accepted = self._counters("accepted", "Notifications kept, by type", "type", most=_MOST_TYPES)
        self.unrouted = self._counters(
            "unrouted", "Notifications that no rule matched, by type", "type", most=_MOST_TYPES
        )
        self.rule_hits = self._counters("rule_hits", "Notifications that a rule sent on, by rule", "rule")
        self.confirmations = self._counters("subscription_messages", "Subscription messages, by outcome", "outcome")
        self.attempts = self._counters(
            "attempts", "Attempts of deliveries, by handler and outcome", "handler", "outcome"
        )
        self.finals = self._counters(
            "deliveries", "Deliveries that a run ended, by handler and state", "handler", "state"
        )
        self.acknowledged = self._histogram("push_seconds", "From push to 200", _ACK_BUCKETS)
        self.commit_seconds = self._histogram(
            "commit_seconds", "Transactions of the inbox, fsync included", _COMMIT_BUCKETS
        )
        self.commit_jobs = self._histogram(
            "commit_jobs", "Changes that a transaction of the inbox took", _BATCH_BUCKETS
        )
        self.attempt_seconds = Children(
            self._histogram("attempt_seconds", "Duration of attempts", _ATTEMPT_BUCKETS, "handler")
        )
        self.delivered_seconds = Children(
            self._histogram("delivery_seconds", "From push to the end of a delivery", _DELIVERY_BUCKETS, "handler")
        )
        self._spans = self._counters("spans", "Spans of traces, by what became of them", "outcome")
        self.handlers = HandlerMetrics(self.registry)
        self._reload_ok = self._gauge("config_last_reload_successful", "1 where the rules file was taken in last time")
        self._reload_at = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When the rules that are in force were taken in"
        )
        self._gauges = Gauges((*FAMILIES, *PLAN_FAMILIES))
        self.registry.register(self._gauges)
        build_info(self.registry)
        ProcessCollector(registry=self.registry)

    def attempt_finished(self, handler: str, outcome: str, seconds: float) -> None:
        """An attempt ended; `outcome` is done, retry, dead or postponed."""
        self.attempts.labels(handler, outcome).inc()
        self.attempt_seconds.labels(handler).observe(seconds)

    def delivery_final(self, handler: str, state: str, since_received: float) -> None:
        """A delivery reached a final state, `since_received` seconds after its push."""
        self.finals.labels(handler, state).inc()
        self.delivered_seconds.labels(handler).observe(since_received)

    def delivery_recorded(self, ended: Ended) -> None:
        """Nothing more: what is counted is counted above."""

    def committed(self, jobs: int, seconds: float) -> None:
        """The inbox committed a transaction."""
        self.commit_seconds.observe(seconds)
        self.commit_jobs.observe(jobs)

    def loaded(self, at: float | None) -> None:
        """The rules file was taken in at a time, seconds since the epoch; None where it was refused."""
        self._reload_ok.set(at is not None)
        if at is not None:
            self._reload_at.set(at)

    def spans_sent(self, outcome: str, count: int) -> None:
        """Spans were `exported` or `failed`. May be called from a thread."""
        self._spans.labels(outcome).inc(count)

    def attempt_counts(self) -> Iterable[Metric]:
        """The attempts so far, by handler and outcome."""
        return self.attempts.collect()

    def show(self, readings: Readings) -> None:
        """Take what was read for the next expositions."""
        self._gauges.readings = readings

    def exposition(self) -> bytes:
        """The text that a Prometheus server scrapes. May be called from a thread."""
        return generate_latest(_Shown(self.registry))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"spapi_router_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"spapi_router_{name}", text, registry=self.registry)

    def _counters(self, name: str, text: str, *labels: str, most: int = 500) -> Children[Counter]:
        return Children(self._counter(name, text, *labels), most)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"spapi_router_{name}", text, labels, buckets=buckets, registry=self.registry)


class _Shown(CollectorRegistry):
    """A registry without the times at which counters were made: in the text format each would be one more gauge."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The families, each made for this call."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
