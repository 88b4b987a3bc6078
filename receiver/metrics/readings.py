"""The daemon at one moment: what metrics show and alerts judge, taken together and off the hot path."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol

from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.errors import RouterError
from receiver.inbox.measures import Figures, Measures


class Usage(Protocol):
    """How far an account has used its plan for an operation: a `handlers.spapi.buckets.Usage`."""

    @property
    def account_id(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def calls(self) -> int: ...
    @property
    def share(self) -> float: ...
    @property
    def waiting(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def clears_in(self) -> float: ...


class Refusal(Protocol):
    """Calls that Amazon refused lately: a `handlers.spapi.refusals.Refusal`."""

    @property
    def account_id(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def rate(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read. Times are seconds since the epoch."""

    at: float
    figures: Figures | None = None
    """None where the inbox could not be read."""
    lanes: Mapping[str, LaneSnapshot] = field(default_factory=dict)
    plans: Sequence[Usage] = ()
    """The fullest first."""
    refusals: Sequence[Refusal] = ()
    """The latest first."""
    signing: Mapping[str, float] = field(default_factory=dict)
    """When SNS's signing certificates end, by URL."""
    tls: float | None = None
    """When the listener's certificate ends, or one of its chain."""
    client_secret: float | None = None
    reports: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Reports that are waited for, by handler and state."""
    in_flight: int = 0
    alerts: Mapping[str, int] = field(default_factory=dict)
    """How many of each alert are raised."""


@dataclass(frozen=True, slots=True)
class Looks:
    """How the daemon's parts are looked at: memory, from the event loop. Named like the fields of `Readings`."""

    lanes: Callable[[], Mapping[str, LaneSnapshot]]
    plans: Callable[[], Sequence[Usage]]
    signing: Callable[[], Mapping[str, float]]
    tls: Callable[[], float | None]
    in_flight: Callable[[], int]
    refusals: Callable[[], Sequence[Refusal]] = tuple


@dataclass(slots=True)
class Sources:
    """Where readings are taken."""

    clock: Callable[[], float]
    measures: Measures
    looks: Looks
    reports: Callable[[], Mapping[tuple[str, str], int]]
    alerts: Callable[[], Mapping[str, int]] = dict
    client_secret_expires: date | None = None
    """`spapi.client_secret_expires`; a reload changes it."""

    async def take(self) -> Readings:
        """The readings of now; never raises: what cannot be read is absent."""
        figures = await self._figures()
        return Readings(
            at=self.clock(),
            figures=figures,
            lanes=self.looks.lanes(),
            plans=self.looks.plans(),
            refusals=self.looks.refusals(),
            signing={url: ends for url, ends in self.looks.signing().items() if math.isfinite(ends)},
            tls=_finite(self.looks.tls()),
            client_secret=_midnight(self.client_secret_expires),
            reports=self.reports(),
            in_flight=self.looks.in_flight(),
            alerts=self.alerts(),
        )

    async def _figures(self) -> Figures | None:
        try:
            return await self.measures.take()
        except RouterError:
            return None


def _finite(ends: float | None) -> float | None:
    return ends if ends is not None and math.isfinite(ends) else None


def _midnight(day: date | None) -> float | None:
    """The beginning of a day in UTC: a secret is not to be relied on any more on the day of its end."""
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
