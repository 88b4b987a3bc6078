"""What the daemon counts as it happens. One registry for each daemon."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric

from receiver.dispatcher.outcomes import Ended
from receiver.metrics.build import build_info
from receiver.metrics.calls import HandlerMetrics
from receiver.metrics.families import Families
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
        make = Families(self.registry)
        self.received = make.counter("received", "Pushes received on the SNS route")
        self.duplicates = make.counter("duplicates", "Repeats answered 200 that ran nothing")
        self.refused = make.counters("refused", "Pushes refused for good (4xx)", "reason")
        self.unavailable = make.counters("unavailable", "Pushes answered 503", "reason")
        self.accepted = make.counters("accepted", "Notifications kept", "type", most=_MOST_TYPES)
        self.unrouted = make.counters("unrouted", "Notifications that no rule matched", "type", most=_MOST_TYPES)
        self.rule_hits = make.counters("rule_hits", "Notifications that a rule sent on", "rule")
        self.confirmations = make.counters("subscription_messages", "Subscription messages", "outcome")
        self.acknowledged = make.histogram("push_seconds", "From push to 200", _ACK_BUCKETS)
        self.commit_seconds = make.histogram("commit_seconds", "Transactions of the inbox", _COMMIT_BUCKETS)
        self.commit_jobs = make.histogram("commit_jobs", "Changes that shared a transaction", _BATCH_BUCKETS)
        self.attempts = make.counters("attempts", "Attempts of deliveries", "handler", "outcome")
        self.finals = make.counters(
            "deliveries", "Deliveries that an attempt ended, or that were dead at once", "handler", "state"
        )
        self.attempt_seconds = make.histograms("attempt_seconds", "Duration", _ATTEMPT_BUCKETS, "handler")
        self.delivered_seconds = make.histograms("delivery_seconds", "From push to end", _DELIVERY_BUCKETS, "handler")
        self._spans = make.counters("spans", "Spans of traces, by what became of them", "outcome")
        self._reload_ok = make.gauge("config_last_reload_successful", "1 where the rules file was taken in last time")
        self._reload_at = make.gauge(
            "config_last_reload_success_timestamp_seconds", "Since when the rules are in force"
        )
        self.handlers = HandlerMetrics(make)
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
