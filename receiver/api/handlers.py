"""The handlers: what waits for each, and how its breaker stands."""

from collections.abc import Mapping

from receiver.api.model import Answer
from receiver.api.operation import Call
from receiver.api.values import Moment, moment
from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.inbox import State
from receiver.metrics.readings import Readings
from receiver.world import World

_OPEN = (State.WAITING, State.BLOCKED, State.RUNNING)


class Breaker(Answer):
    """Whether deliveries are let through."""

    state: str
    """`closed`, `open` or `half-open`."""
    since: Moment | None
    until: Moment | None
    """When the next probe is let through."""
    reason: str


class HandlerItem(Answer):
    """A handler of the rules file, or one that is gone and still has deliveries."""

    name: str
    type: str | None
    """Null where the rules file has it no more."""
    concurrency: int | None
    rate: float | None
    """Starts a second; null for any number."""
    running: int
    then: list[str]
    """The handlers that get its result."""
    breaker: Breaker | None
    backlog: int
    """Deliveries that have not ended."""
    oldest: Moment | None
    """When the oldest of those was made."""
    states: dict[State, int]


class HandlerList(Answer):
    """The handlers by name."""

    items: list[HandlerItem]


class Handlers:
    """`/handlers`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def list(self, _call: Call) -> HandlerList:
        """Every handler."""
        readings = await self._world.readings()
        states = _states(readings)
        names = sorted({*self._world.config().handlers, *(name for name, counts in states.items() if counts)})
        return HandlerList(items=[self._item(name, readings, states.get(name, {})) for name in names])

    def _item(self, name: str, readings: Readings, states: Mapping[State, int]) -> HandlerItem:
        spec = self._world.config().handlers.get(name)
        lane = readings.lanes.get(name)
        return HandlerItem(
            name=name,
            type=spec.type if spec else None,
            concurrency=spec.options.concurrency if spec else None,
            rate=spec.options.rate if spec else None,
            running=lane.running if lane else 0,
            then=list(spec.options.then) if spec else [],
            breaker=_breaker(lane) if lane else None,
            backlog=sum(states.get(state, 0) for state in _OPEN),
            oldest=_oldest(name, readings),
            states=dict(states),
        )


def _states(readings: Readings) -> dict[str, dict[State, int]]:
    found: dict[str, dict[State, int]] = {}
    for (handler, state), count in readings.figures.deliveries.items() if readings.figures else ():
        if count:
            found.setdefault(handler, {})[state] = count
    return found


def _oldest(name: str, readings: Readings) -> Moment | None:
    oldest = readings.figures.oldest if readings.figures else {}
    return moment(min((at for (handler, _), at in oldest.items() if handler == name), default=None))


def _breaker(lane: LaneSnapshot) -> Breaker:
    return Breaker(
        state=lane.breaker,
        since=moment(lane.breaker_since),
        until=moment(lane.breaker_until),
        reason=lane.breaker_reason,
    )
