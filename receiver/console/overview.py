"""The overview: arrivals, outcomes and latency over time; what waits, what is dead, what is refused and why."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from receiver.console.charts import Chart
from receiver.console.renderer import Renderer
from receiver.console.series import SPANS, Intervals, Span, charts_of, span_of
from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.inbox import State
from receiver.inbox.dead import causes
from receiver.inbox.minutes import Minute
from receiver.metrics.readings import Readings
from receiver.world import World

_OPEN = (State.WAITING, State.BLOCKED, State.RUNNING)
_CAUSES = 8


@dataclass(frozen=True, slots=True)
class HandlerLine:
    """How a handler stands."""

    name: str
    counts: Mapping[str, int]
    oldest: float | None
    """When the oldest delivery that is not final was made."""
    lane: LaneSnapshot | None
    """None for a handler that the rules file has no more."""

    @property
    def open(self) -> int:
        """Deliveries that are not final."""
        return sum(self.counts.get(state, 0) for state in _OPEN)


class Overview:
    """`/`."""

    def __init__(self, world: World, renderer: Renderer) -> None:
        self._world = world
        self._renderer = renderer

    async def show(self, request: web.Request) -> web.Response:
        """Answer with the page."""
        world, span = self._world, span_of(request.query.get("span", ""))
        now = world.clock()
        minutes = await world.history.since(now - span.seconds)
        intervals, charts = await asyncio.to_thread(_gathered, span, minutes, now)
        readings = await world.readings()
        indexed, last = await world.searcher.indexed()
        return self._renderer.page(
            request,
            "overview.html",
            spans=SPANS,
            span=span,
            intervals=intervals,
            charts=charts,
            figures=readings.figures,
            handlers=list(handler_lines(readings)),
            alerts=world.alerts(),
            causes=(await causes(world.kept))[:_CAUSES],
            refusals=world.refusals.latest(),
            unindexed=max(0, last - indexed),
        )


def _gathered(span: Span, minutes: Sequence[Minute], now: float) -> tuple[Intervals, list[Chart]]:
    """Of two weeks there are twenty thousand minutes: to be done beside the event loop."""
    intervals = Intervals(span, minutes, now)
    return intervals, charts_of(intervals)


def handler_lines(readings: Readings) -> Iterator[HandlerLine]:
    """Every handler that has a lane or deliveries, the ones with most to do first."""
    figures = readings.figures
    deliveries = figures.deliveries if figures else {}
    oldest = figures.oldest if figures else {}
    names = {*readings.lanes, *(name for name, _ in deliveries)}
    lines = [
        HandlerLine(
            name,
            {state: count for (handler, state), count in deliveries.items() if handler == name},
            min((at for (handler, _), at in oldest.items() if handler == name), default=None),
            readings.lanes.get(name),
        )
        for name in names
    ]
    yield from sorted(lines, key=lambda line: (-line.open, -line.counts.get(State.DEAD, 0), line.name))
