"""The gauges that are read when somebody asks: one family for each line of a table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from receiver.dispatcher.breaker import Phase
from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.inbox.measures import Figures
from receiver.metrics.readings import Readings

Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""Values by the values of their labels; None is left out."""

_STATES = ("confirmed", "pending", "unsubscribed")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without the prefix, what it says, its labels, and where its samples are."""

    name: str
    text: str
    labels: tuple[str, ...]
    samples: Callable[[Readings], Samples]

    def metric(self, readings: Readings | None) -> Metric:
        """The family with what was read, without samples where nothing was."""
        family = GaugeMetricFamily(f"spapi_router_{self.name}", self.text, labels=self.labels)
        for labels, value in self.samples(readings) if readings else ():
            if value is not None:
                family.add_metric(labels, value)
        return family


class Gauges(Collector):
    """Shows the last readings. `readings` is set before a scrape, in the event loop."""

    def __init__(self, families: Iterable[Family]) -> None:
        self.readings: Readings | None = None
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        """The families of the tables."""
        return (family.metric(self.readings) for family in self._families)


def _lanes(value: Callable[[LaneSnapshot], float | None]) -> Callable[[Readings], Samples]:
    return lambda readings: (((name,), value(lane)) for name, lane in readings.lanes.items())


def _inbox(value: Callable[[Figures], float | None]) -> Callable[[Readings], Samples]:
    return lambda readings: [((), value(readings.figures))] if readings.figures else []


def _depths(readings: Readings) -> Samples:
    figures = readings.figures
    return (((handler, state), count) for (handler, state), count in figures.deliveries.items()) if figures else ()


def _ages(readings: Readings) -> Samples:
    oldest = readings.figures.oldest if readings.figures else {}
    return (((handler, state), max(0.0, readings.at - at)) for (handler, state), at in oldest.items())


def _breakers(readings: Readings) -> Samples:
    for name, lane in readings.lanes.items():
        yield from (((name, phase.value), float(lane.breaker == phase.value)) for phase in Phase)


def _subscriptions(readings: Readings) -> Samples:
    if readings.figures:
        states = list(readings.figures.subscriptions.values())
        yield from (((state,), states.count(state)) for state in _STATES)


def _tokens(readings: Readings) -> Samples:
    return (((name,), lane.tokens) for name, lane in readings.lanes.items())


def _alerts(readings: Readings) -> Samples:
    return (((alert,), count) for alert, count in readings.alerts.items())


def _reports(readings: Readings) -> Samples:
    return readings.reports.items()


def _ends(readings: Readings) -> Samples:
    named: Mapping[tuple[str, ...], float | None] = {
        ("tls", ""): readings.tls,
        ("client_secret", ""): readings.client_secret,
        **{("sns", url): ends for url, ends in readings.signing.items()},
    }
    return named.items()


FAMILIES = (
    Family("inbox_deliveries", "Deliveries in the inbox, by handler and state", ("handler", "state"), _depths),
    Family("inbox_oldest_age_seconds", "Age of the oldest open delivery", ("handler", "state"), _ages),
    Family("inbox_notifications", "Notifications in the inbox", (), _inbox(lambda each: each.notifications)),
    Family("inbox_database_bytes", "Size of the database", (), _inbox(lambda each: each.database_bytes)),
    Family("inbox_unused_bytes", "Of the database: bytes to be used again", (), _inbox(lambda each: each.free_bytes)),
    Family("inbox_wal_bytes", "Size of the write-ahead log", (), _inbox(lambda each: each.wal_bytes)),
    Family("disk_free_bytes", "Free on the inbox's file system", (), _inbox(lambda each: each.disk_free_bytes)),
    Family(
        "last_notification_timestamp_seconds",
        "When the newest notification of Amazon's came",
        (),
        _inbox(lambda each: each.last_received),
    ),
    Family("subscriptions", "Subscriptions of topics to this daemon, by state", ("state",), _subscriptions),
    Family("pushes_in_flight", "Pushes being judged or kept", (), lambda readings: [((), readings.in_flight)]),
    Family("lane_concurrency", "Attempts that may run at once", ("handler",), _lanes(lambda lane: lane.concurrency)),
    Family("lane_running", "Attempts that run", ("handler",), _lanes(lambda lane: lane.running)),
    Family("lane_waiting", "Deliveries claimed and about to start", ("handler",), _lanes(lambda lane: lane.waiting)),
    Family("lane_unrecorded", "Results not yet on disk", ("handler",), _lanes(lambda lane: lane.unrecorded)),
    Family("lane_rate_tokens", "Starts that the handler's rate allows at once", ("handler",), _tokens),
    Family("breaker_state", "1 for the state that a handler's breaker is in", ("handler", "state"), _breakers),
    Family("reports_waiting", "Reports that deliveries wait for, by state", ("handler", "state"), _reports),
    Family("alerts", "Alerts that are raised, by their kind", ("alert",), _alerts),
    Family("expiry_timestamp_seconds", "When a certificate or secret ends", ("of", "url"), _ends),
)
