"""What watches the daemon: metrics, traces and alerts, put together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from handlers.base import Handler
from handlers.base import Observer as HandlerObserver
from receiver.alerts import AlertWatcher, Condition, Conditions
from receiver.config import AlertSettings, Configuration, TelemetrySettings
from receiver.dispatcher.observer import Observer
from receiver.inbox import SqliteInbox
from receiver.inbox.measures import Measures
from receiver.internal import InternalEvents
from receiver.metrics import Looks, Metrics, Readings, Sources
from receiver.watch import Watch

if TYPE_CHECKING:
    from receiver.telemetry.opening import Telemetry
    from receiver.telemetry.tracing import Tracing

_LAST_SPANS = 2.0


class Instruments:
    """Metrics and, where `[telemetry]` is set, traces. `observe` completes them, once what they look at is there."""

    def __init__(
        self, metrics: Metrics, inbox: SqliteInbox, telemetry: "Telemetry | None", clock: Callable[[], float]
    ) -> None:
        self.metrics = metrics
        self.telemetry = telemetry
        self._inbox = inbox
        inbox.commits.observe = metrics.committed
        self._clock = clock
        self._measures = Measures(inbox.path)
        self._sources: Sources | None = None
        self._alerts: AlertWatcher | None = None
        self.observer: Observer = metrics
        self.handler_observer: HandlerObserver = metrics.handlers
        if telemetry is not None:
            from receiver.telemetry.pair import Pair

            self.observer = self.handler_observer = Pair(metrics, telemetry.tracing)

    @classmethod
    async def open(cls, config: Configuration, inbox: SqliteInbox, clock: Callable[[], float]) -> "Instruments":
        """By the rules file. Raises SecretError and Unavailable."""
        metrics = Metrics()
        telemetry = await _telemetry(config.telemetry, inbox, metrics, clock) if config.telemetry else None
        return cls(metrics, inbox, telemetry, clock)

    def traced(self, handler: Handler[Any]) -> Handler[Any]:
        """The handler, with spans where there are any."""
        return handler if self.telemetry is None else self.telemetry.tracing.handler(handler)

    def observe(self, config: Configuration, internal: InternalEvents, looks: Looks) -> None:
        """Take readings there, and judge them by `[alerts]`."""
        reports = self.metrics.handlers.reports_waiting
        self._sources = Sources(self._clock, self._measures, looks, reports)
        conditions = Conditions(config.alerts, self._clock())
        self._alerts = AlertWatcher(conditions, self._sources, self.metrics, internal, self._inbox)
        self._sources.alerts = self._alerts.standing
        self.take_in(config)

    def take_in(self, config: Configuration) -> None:
        """Go by another rules file; `[telemetry]` alone stays as it was."""
        self.metrics.loaded(self._clock())
        if self._sources and self._alerts:
            self._sources.client_secret_expires = config.spapi.client_secret_expires if config.spapi else None
            self._alerts.conditions = self._alerts.conditions.by(config.alerts)

    @property
    def traces(self) -> "Tracing | None":
        """Where pushes are traced."""
        return self.telemetry.tracing if self.telemetry else None

    async def readings(self) -> Readings:
        """The daemon at this moment."""
        return await self._sources.take() if self._sources else Readings(self._clock())

    async def exposition(self) -> bytes:
        """What a Prometheus server scrapes, made beside the event loop."""
        self.metrics.show(await self.readings())
        return await asyncio.to_thread(self.metrics.exposition)

    @property
    def settings(self) -> AlertSettings:
        """The thresholds in force."""
        return self._alerts.conditions.settings if self._alerts else AlertSettings()

    def standing(self) -> Mapping[str, int]:
        """How many of each alert are raised."""
        return self._alerts.standing() if self._alerts else {}

    def raised(self) -> Sequence[Condition]:
        """The alerts that are raised, with what was found and what to do."""
        return self._alerts.raised() if self._alerts else []

    def keep(self, watch: Watch) -> None:
        """Have alerts watched and spans of notifications sent."""
        if self._alerts:
            watch.keep("alerts", self._alerts.run)
        if self.telemetry:
            watch.keep("traces", self.telemetry.tracing.roots.run)

    async def close(self) -> None:
        """Send the last spans."""
        if self.telemetry:
            await self.telemetry.close(_LAST_SPANS)


async def _telemetry(
    settings: TelemetrySettings, inbox: SqliteInbox, metrics: Metrics, clock: Callable[[], float]
) -> "Telemetry":
    from receiver.telemetry.opening import Telemetry

    return await Telemetry.open(settings, inbox, metrics.spans_sent, clock)
