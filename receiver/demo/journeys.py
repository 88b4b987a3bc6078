"""Each notification's way from the push to the sink, put together from what sender, SP-API and sink saw.

Pure but for time.
"""

from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from receiver.simulators.sink import Arrival
from receiver.simulators.sns.plan import Planned
from receiver.simulators.sns.sender import Answer
from receiver.simulators.spapi import Served

NOTIFICATION_HEADER = "x-notification-id"
"""The header by which the sink tells what arrives."""
_MOST_KEPT = 20_000


@dataclass(slots=True)
class Journey:
    """One notification's way. Times are seconds since the epoch."""

    id: str
    type: str = ""
    began: float = 0.0
    """When the push began that was answered first."""
    answer: Answer | None = None
    arrivals: Counter[str] = field(default_factory=Counter)
    """How often it arrived, by path."""
    arrived: float | None = None
    """When it arrived first."""
    call: Served | None = None
    """The last call to SP-API that was made for it."""
    items: int | None = None
    """Items of the order that arrived, where one did."""

    @property
    def complete(self) -> bool:
        """Whether both its answer and its arrival are known."""
        return self.answer is not None and self.arrived is not None

    @property
    def once(self) -> bool:
        """Whether it arrived, and at no path twice."""
        return self.arrived is not None and max(self.arrivals.values()) == 1


@dataclass(frozen=True, slots=True)
class Step:
    """Something to tell: a notification arrived, came again, or was not taken."""

    journey: Journey
    planned: Planned | None
    """The push that was answered, for a repeat or a refusal."""
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. Latencies are seconds."""

    notifications: int
    pushes: int
    repeats: int
    not_taken: int
    once: int
    more: int
    missing: tuple[str, ...]
    """Ids of notifications that were taken and did not arrive."""
    answered: Sequence[float]
    delivered: Sequence[float]
    calls: Mapping[tuple[str, int], int]
    """Calls to SP-API by operation and status."""

    @property
    def good(self) -> bool:
        """Whether everything was taken and arrived exactly once."""
        return self.once == self.notifications > 0 and not (self.not_taken or self.more or self.missing)


class Journeys:
    """Joins pushes and arrivals by NotificationId. Remembers so many journeys, the rest as figures only."""

    def __init__(self, tell: Callable[[Step], None], clock: Callable[[], float], kept: int = _MOST_KEPT) -> None:
        self._tell = tell
        self._clock = clock
        self._kept = kept
        self._open: OrderedDict[str, Journey] = OrderedDict()
        self._calls: OrderedDict[str, Served] = OrderedDict()
        self._called: Counter[tuple[str, int]] = Counter()
        self._notifications = self._pushes = self._repeats = self._not_taken = 0
        self._once = self._more = 0
        self._answered = array("d")
        self._delivered = array("d")

    @property
    def waiting(self) -> int:
        """How many notifications were taken and have not arrived."""
        return sum(journey.arrived is None for journey in self._open.values() if _taken(journey))

    def pushed(self, planned: Planned, answer: Answer) -> None:
        """A push was answered, or given up."""
        self._pushes += 1
        journey = self._journey(planned.notification_id)
        journey.type = planned.type
        if planned.repeat is None:
            self._notifications += 1
        else:
            self._repeats += 1
        if not answer.taken:
            self._not_taken += 1
            self._tell(Step(journey, planned, answer))
        elif journey.answer is None:
            journey.answer, journey.began = answer, self._clock() - answer.seconds
            self._answered.append(answer.seconds)
            self._completed(journey)
        else:
            self._tell(Step(journey, planned, answer))

    def called(self, served: Served) -> None:
        """SP-API answered a call: remembered by the id that its path ends with until that arrives."""
        self._called[served.operation, served.status] += 1
        self._calls[_last_step(served)] = served
        if len(self._calls) > self._kept:
            self._calls.popitem(last=False)

    def arrived(self, arrival: Arrival) -> None:
        """The sink took a webhook."""
        headers = {name.lower(): value for name, value in arrival.headers.items()}
        journey = self._journey(headers.get(NOTIFICATION_HEADER, ""))
        journey.arrivals[arrival.path] += 1
        if journey.arrived is None:
            journey.arrived = arrival.time
            self._join_call(journey, arrival.body)
            self._completed(journey)

    def _join_call(self, journey: Journey, body: bytes) -> None:
        """Where an order arrived, the call that fetched it is a part of the way."""
        order_id, items = _order(body)
        journey.call = self._calls.pop(order_id, None)
        journey.items = items if journey.call else None

    def verdict(self) -> Verdict:
        """The figures."""
        journeys = self._open.values()
        return Verdict(
            notifications=self._notifications,
            pushes=self._pushes,
            repeats=self._repeats,
            not_taken=self._not_taken,
            once=self._once + sum(journey.once for journey in journeys if journey.answer),
            more=self._more + sum(journey.arrived is not None and not journey.once for journey in journeys),
            missing=tuple(journey.id for journey in journeys if _taken(journey) and journey.arrived is None),
            answered=self._answered,
            delivered=self._delivered,
            calls=self._called,
        )

    def _journey(self, notification_id: str) -> Journey:
        journey = self._open.get(notification_id)
        if journey is None:
            journey = self._open[notification_id] = Journey(notification_id)
            self._forget()
        return journey

    def _forget(self) -> None:
        """Keep memory bounded: the oldest journey becomes a figure once it has ended."""
        oldest = next(iter(self._open.values()))
        if len(self._open) > self._kept and oldest.complete:
            del self._open[oldest.id]
            self._once += oldest.once
            self._more += not oldest.once

    def _completed(self, journey: Journey) -> None:
        if journey.answer is not None and journey.arrived is not None:
            self._delivered.append(journey.arrived - journey.began)
            self._tell(Step(journey, None, journey.answer))


def _taken(journey: Journey) -> bool:
    return journey.answer is not None


def _last_step(served: Served) -> str:
    return served.raw_path.rpartition("/")[2]


def _order(body: bytes) -> tuple[str, int]:
    """The id of the order in what an `order` handler hands on, and how many items it has; empty where it is none."""
    try:
        document = orjson.loads(body)
        return str(document["order"]["orderId"]), len(document["items"])
    except (ValueError, KeyError, TypeError):
        return "", 0
