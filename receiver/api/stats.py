"""The daemon in numbers: what is kept, and what was counted."""

from receiver import __version__
from receiver.api.model import Answer
from receiver.api.operation import Call
from receiver.api.rules import SinceQuery, counts_since
from receiver.api.values import Moment, moment, seconds_of
from receiver.history import named
from receiver.inbox import State
from receiver.world import World


class Counts(Answer):
    """What was counted since the time that was asked for."""

    since: Moment | None
    received: int
    accepted: int
    duplicates: int
    unrouted: int
    refused: dict[str, int]
    """Pushes answered with 4xx, by reason."""
    unavailable: dict[str, int]
    """Pushes answered with 503, by reason."""
    attempts: dict[str, int]
    """By outcome."""
    ended: dict[str, int]
    """Deliveries that ended, by state."""


class RefusalItem(Answer):
    """Pushes that were not taken, for one reason."""

    reason: str
    detail: str
    final: bool
    """False for a 503, after which SNS tries again."""
    count: int
    first: Moment
    last: Moment


class StatsAnswer(Answer):
    """The daemon in numbers."""

    version: str
    now: Moment
    notifications: int
    """Kept in the inbox."""
    unrouted: dict[str, int]
    """Of those: the ones that no rule matched, by type."""
    deliveries: dict[str, dict[State, int]]
    """Kept in the inbox, by handler and state."""
    database_bytes: int
    last_received: Moment | None
    """When Amazon's latest notification came."""
    in_flight: int
    """Pushes that are being taken now."""
    alerts: dict[str, int]
    """How many of each alert are raised."""
    counts: Counts
    refusals: list[RefusalItem]
    """Why pushes were not taken, since the start of the daemon; the latest first."""


class Statistics:
    """`/stats`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def show(self, call: Call) -> StatsAnswer:
        """The numbers. Raises Unavailable."""
        query: SinceQuery = call.query
        now = self._world.clock()
        stats, readings = await self._world.kept.stats(), await self._world.readings()
        deliveries: dict[str, dict[State, int]] = {}
        for (handler, state), count in stats.deliveries.items():
            if count:
                deliveries.setdefault(handler, {})[state] = count
        return StatsAnswer(
            version=__version__,
            now=moment(now) or "",
            notifications=stats.notifications,
            unrouted=dict(stats.unrouted),
            deliveries=deliveries,
            database_bytes=stats.database_bytes,
            last_received=moment(readings.figures.last_received) if readings.figures else None,
            in_flight=readings.in_flight,
            alerts={name: count for name, count in readings.alerts.items() if count},
            counts=await self._counts(seconds_of(query.since, now) or 0.0),
            refusals=self._refusals(),
        )

    async def _counts(self, since: float) -> Counts:
        total = await counts_since(self._world, since)
        return Counts(
            since=moment(since),
            received=total["received"],
            accepted=total["accepted"],
            duplicates=total["duplicates"],
            unrouted=total["unrouted"],
            refused=named(total, "refused"),
            unavailable=named(total, "unavailable"),
            attempts=named(total, "attempts"),
            ended=named(total, "deliveries"),
        )

    def _refusals(self) -> list[RefusalItem]:
        return [
            RefusalItem(
                reason=each.reason,
                detail=each.detail,
                final=each.final,
                count=each.count,
                first=moment(each.first) or "",
                last=moment(each.last) or "",
            )
            for each in self._world.refusals.latest()
        ]
