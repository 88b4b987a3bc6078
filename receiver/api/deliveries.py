"""What became of notifications: the listing of deliveries, and one with its chain."""

from receiver.api.journey import DeliveryItem, DeliveryJourney, facts, journey_facts
from receiver.api.model import Answer, Next, Paged, next_of
from receiver.api.operation import Call
from receiver.api.problems import missing
from receiver.api.values import PathId, Text, Time, seconds_of
from receiver.desk import Desk
from receiver.inbox import DeliveryFilter, DeliveryRow, State
from receiver.notification import asked_type
from receiver.world import World


class DeliveryQuery(Paged):
    """Which deliveries; all that is given must hold."""

    state: tuple[State, ...] = ()
    """In one of these states."""
    notification: PathId | None = None
    """Of one notification, by its number in the inbox."""
    rule: Text | None = None
    handler: Text | None = None
    type: Text | None = None
    """Of one notification type, like ORDER_CHANGE."""
    key: Text | None = None
    """Of one ordering key."""
    since: Time | None = None
    """Made at or after."""
    until: Time | None = None
    """Made before."""


class DeliveryPage(Answer):
    """A page of deliveries, newest first."""

    items: list[DeliveryItem]
    next: Next


class Chained(Answer):
    """A delivery in the tree of its chain."""

    id: int
    handler: str
    state: State
    attempts: int
    reason: str
    then: "list[Chained]"
    """The deliveries that got its result."""


class DeliveryDetail(DeliveryJourney):
    """A delivery with its attempts and its chain."""

    chain: Chained
    """The delivery that the chain began with, and all that came of it."""


class Deliveries:
    """`/deliveries`."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world = world
        self._desk = desk

    async def list(self, call: Call) -> DeliveryPage:
        """A page of those that a query means."""
        query: DeliveryQuery = call.query
        now = self._world.clock()
        which = DeliveryFilter(
            notification_id=query.notification,
            states=query.state or None,
            rule=query.rule,
            handler=query.handler,
            type=None if query.type is None else asked_type(query.type),
            key=query.key,
            since=seconds_of(query.since, now),
            until=seconds_of(query.until, now),
            before_id=query.cursor,
            limit=query.limit,
        )
        rows = await self._world.kept.deliveries(which)
        items = [DeliveryItem(**facts(row)) for row in rows]
        return DeliveryPage(items=items, next=next_of([row.id for row in rows], query.limit))

    async def show(self, call: Call) -> DeliveryDetail:
        """One with its attempts and its chain. Raises ApiError."""
        inbox = self._world.kept
        row = await inbox.delivery(call.id)
        kept = await inbox.notification(row.notification_id) if row else None
        if row is None or kept is None:
            raise missing("delivery", call.id)
        relatives = await inbox.deliveries(DeliveryFilter(notification_id=row.notification_id, limit=None))
        journey = journey_facts(row, await inbox.attempts(row.id), self._desk.explainer(), kept)
        return DeliveryDetail(**journey, chain=_tree(relatives, row))


def _tree(relatives: list[DeliveryRow], row: DeliveryRow) -> Chained:
    """The whole chain that a delivery belongs to."""
    known = {each.id: each for each in reversed(relatives)}
    root = known.get(row.id, row)
    while root.parent_id in known:
        root = known[root.parent_id]
    children: dict[int | None, list[DeliveryRow]] = {}
    for each in known.values():
        children.setdefault(each.parent_id, []).append(each)
    return _chained(root, children)


def _chained(row: DeliveryRow, children: dict[int | None, list[DeliveryRow]]) -> Chained:
    then = [_chained(each, children) for each in children.get(row.id, [])]
    return Chained(id=row.id, handler=row.handler, state=row.state, attempts=row.attempts, reason=row.reason, then=then)
