"""What is looked at: each alert's values by what they are about, judged by `[alerts]`. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from receiver.alerts.failures import Attempts
from receiver.config import AlertSettings
from receiver.dispatcher.breaker import Phase
from receiver.metrics import Readings
from receiver.times import iso

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"))


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that was looked at. It is bad from `threshold` upwards."""

    alert: str
    subject: str
    """What it is about: a handler, a topic, a seller's operation; empty where there is but one."""
    value: float | None
    """None where nothing can be said, which changes nothing."""
    threshold: float
    text: str
    """What is found, in a sentence for people."""
    cure: str


Found = Mapping[str, Sequence[Condition] | None]
"""By alert. None where its readings could not be taken; what is missing in a list is not there any more."""


class Conditions:
    """Looks at readings. `started` is when the daemon started, seconds since the epoch."""

    def __init__(self, settings: AlertSettings, started: float) -> None:
        self.settings = settings
        self._started = started
        self._looks: Mapping[str, Callable[[Readings], Iterator[Condition]]] = {
            "usage_plan": self._plans,
            "breaker_open": self._breakers,
            "certificate_ends": self._certificate,
            "client_secret_ends": self._client_secret,
        }
        self._looks_into_inbox: Mapping[str, Callable[[Readings], Iterator[Condition]]] = {
            "oldest_delivery": self._oldest,
            "subscription_pending": self._subscriptions,
            "no_notification": self._silence,
        }

    def by(self, settings: AlertSettings) -> "Conditions":
        """The same by other settings."""
        return Conditions(settings, self._started)

    @property
    def names(self) -> tuple[str, ...]:
        """Every alert there is."""
        return ("failure_rate", *self._looks, *self._looks_into_inbox)

    def find(self, readings: Readings, attempts: Mapping[str, Attempts]) -> Found:
        """Every alert's conditions. `attempts` are those of each handler within `failure_window`."""
        found: dict[str, Sequence[Condition] | None] = {"failure_rate": list(self._failures(readings, attempts))}
        found |= {name: list(look(readings)) for name, look in self._looks.items()}
        unread = readings.figures is None
        return found | {name: None if unread else list(look(readings)) for name, look in self._looks_into_inbox.items()}

    def _failures(self, readings: Readings, attempts: Mapping[str, Attempts]) -> Iterator[Condition]:
        limit = self.settings.failure_rate
        for name in readings.lanes if limit is not None else ():
            recent = attempts.get(name, Attempts())
            text = f"{recent.failed} of {recent.total} attempts of handlers.{name} failed within "
            text += _span(self.settings.failure_window)
            cure = f"see what the destination answered: spapi-router deliveries list --handler {name} --state waiting"
            yield Condition("failure_rate", name, self._rate(name, recent, readings), limit or 0.0, text, cure)

    def _rate(self, name: str, recent: Attempts, readings: Readings) -> float | None:
        """Few attempts say nothing of failure, but that nothing failed while nothing waits is success."""
        if recent.total >= self.settings.failure_attempts:
            return recent.failed / recent.total
        waits = readings.figures is None or any(handler == name for handler, _ in readings.figures.oldest)
        return 0.0 if not recent.failed and (recent.total or not waits) else None

    def _plans(self, readings: Readings) -> Iterator[Condition]:
        limit = self.settings.usage_plan
        for usage in readings.plans if limit is not None else ():
            subject = f"{usage.operation} of {usage.account_id}"
            text = f"{usage.share:.0%} of the usage plan of {subject} was used within 5m"
            cure = "call less often (coalesce, rate of the handler), or ask Amazon for a higher rate"
            yield Condition("usage_plan", subject, usage.share, limit or 0.0, text, cure)

    def _breakers(self, readings: Readings) -> Iterator[Condition]:
        for name, lane in readings.lanes.items() if self.settings.breaker_open else ():
            text = f"the breaker of handlers.{name} is {lane.breaker}: {lane.breaker_reason}"
            cure = "its deliveries wait; they run once the destination answers again"
            yield Condition("breaker_open", name, float(lane.breaker != Phase.CLOSED.value), 1.0, text, cure)

    def _oldest(self, readings: Readings) -> Iterator[Condition]:
        limit, figures = self.settings.oldest_delivery, readings.figures
        if limit is None or figures is None:
            return
        oldest: dict[str, float] = {}
        for (handler, _), made in figures.oldest.items():
            oldest[handler] = min(made, oldest.get(handler, made))
        for handler, made in oldest.items():
            age = readings.at - made
            text = f"the oldest delivery to handlers.{handler} is {_span(age)} old"
            cure = f"see why: spapi-router deliveries list --handler {handler} --state waiting"
            if handler not in readings.lanes:
                cure = f"add that handler to the rules file, or: spapi-router deliveries cancel --handler {handler}"
            yield Condition("oldest_delivery", handler, age, limit, text, cure)

    def _subscriptions(self, readings: Readings) -> Iterator[Condition]:
        for topic, state in readings.figures.subscriptions.items() if readings.figures else ():
            if self.settings.subscription_pending:
                cure = "confirm it in the SNS console, or ask SNS for another confirmation; `doctor` says more"
                text = f"the subscription of {topic} is {state}"
                yield Condition("subscription_pending", topic, float(state == "pending"), 1.0, text, cure)

    def _silence(self, readings: Readings) -> Iterator[Condition]:
        limit, figures = self.settings.no_notification, readings.figures
        if limit is None or figures is None:
            return
        silent = readings.at - (self._started if figures.last_received is None else figures.last_received)
        cure = "spapi-router doctor names what stops notifications from arriving"
        yield Condition("no_notification", "", silent, limit, f"nothing has come from Amazon for {_span(silent)}", cure)

    def _certificate(self, readings: Readings) -> Iterator[Condition]:
        cure = "renew it: the daemon takes the new file in by itself"
        yield from _ending(
            "certificate_ends", "server.tls", readings.tls, readings.at, self.settings.certificate_ends, cure
        )

    def _client_secret(self, readings: Readings) -> Iterator[Condition]:
        cure = "rotate it in Developer Central and set the new one and its day (spapi.client_secret_expires)"
        limit = self.settings.client_secret_ends
        yield from _ending(
            "client_secret_ends", "spapi.client_secret", readings.client_secret, readings.at, limit, cure
        )


def _ending(
    alert: str, subject: str, ends: float | None, now: float, limit: float | None, cure: str
) -> Iterator[Condition]:
    """A condition that grows as an end comes near: the time left, negative."""
    if ends is None or limit is None or not math.isfinite(ends):
        return
    text = f"{subject} ends at {iso(ends)}" if ends > now else f"{subject} ended at {iso(ends)}"
    yield Condition(alert, subject, now - ends, -limit, text, cure)


def _span(seconds: float) -> str:
    """A duration for people, such as `15m` or `6.5h`."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1.0, "s"))
    return f"{seconds / size:.1f}".removesuffix(".0") + unit
