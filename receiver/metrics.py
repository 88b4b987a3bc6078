"""What the daemon counts, in Prometheus' conventions of names and units. One registry for each daemon."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_ACK_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
_DELIVERY_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0)


class Metrics:
    """Counters and histograms of one daemon; also the dispatcher's observer."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._counter("received", "Pushes received on the SNS route")
        self.refused = self._counter("refused", "Pushes refused for good (4xx), by reason", "reason")
        self.unavailable = self._counter("unavailable", "Pushes answered 503, by reason", "reason")
        self.accepted = self._counter("accepted", "Notifications kept, by type", "type")
        self.duplicates = self._counter("duplicates", "Repeats answered 200 that ran nothing")
        self.unrouted = self._counter("unrouted", "Notifications that no rule matched, by type", "type")
        self.rule_hits = self._counter("rule_hits", "Notifications that a rule sent on, by rule", "rule")
        self.confirmations = self._counter("subscription_messages", "Subscription messages, by outcome", "outcome")
        self.attempts = self._counter(
            "attempts", "Attempts of deliveries, by handler and outcome", "handler", "outcome"
        )
        self.finals = self._counter("deliveries", "Deliveries ended, by handler and state", "handler", "state")
        self.acknowledged = Histogram(
            "spapi_router_push_seconds", "From push to 200", buckets=_ACK_BUCKETS, registry=self.registry
        )
        self.attempt_seconds = Histogram(
            "spapi_router_attempt_seconds", "Duration of attempts", ["handler"], registry=self.registry
        )
        self.delivered_seconds = Histogram(
            "spapi_router_delivery_seconds",
            "From push to the end of a delivery",
            ["handler"],
            buckets=_DELIVERY_BUCKETS,
            registry=self.registry,
        )
        self.inflight = Gauge("spapi_router_pushes_in_flight", "Pushes being judged or kept", registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"spapi_router_{name}", text, labels, registry=self.registry)

    def attempt_finished(self, handler: str, outcome: str, seconds: float) -> None:
        """An attempt ended; `outcome` is done, retry, dead or postponed."""
        self.attempts.labels(handler, outcome).inc()
        self.attempt_seconds.labels(handler).observe(seconds)

    def delivery_final(self, handler: str, state: str, since_received: float) -> None:
        """A delivery reached a final state, `since_received` seconds after its push."""
        self.finals.labels(handler, state).inc()
        self.delivered_seconds.labels(handler).observe(since_received)

    def exposition(self) -> bytes:
        """The text that a Prometheus server scrapes."""
        return generate_latest(self.registry)
