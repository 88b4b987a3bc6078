"""Matching kept notifications again with the rules of today: which deliveries they would get that they lack."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from receiver.errors import RouterError
from receiver.inbox import DeliveryFilter, Inbox, NotificationFilter, NotificationRow, Route
from receiver.internal import asked_routes
from receiver.notification import INTERNAL_TOPIC, read_stored
from receiver.rules import Rule, Table

_PAGE = 100
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


class NoSuchNotification(RouterError):
    """A notification is named that the inbox does not have."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A kept notification with the deliveries that the rules ask for and that it does not have."""

    id: int
    type: str
    routes: tuple[Route, ...]
    error: str = ""
    """Why it could not be matched."""


class Rerouter:
    """Looks kept notifications through. Changes nothing but by `add`."""

    def __init__(self, inbox: Inbox, rules: Sequence[Rule]) -> None:
        self._inbox = inbox
        self._rules = rules
        self._table = Table(rules)

    async def named(self, ids: Sequence[int]) -> list[int]:
        """The ids in the order of their arrival. Raises NoSuchNotification, naming all that are not there."""
        unknown = [str(id_) for id_ in ids if await self._inbox.notification(id_) is None]
        if unknown:
            which = ", ".join(unknown)
            raise NoSuchNotification(f"the inbox has no notification {which}: see `spapi-router inbox list`")
        return sorted(set(ids))

    async def found(self, which: NotificationFilter) -> list[int]:
        """The ids that a filter means, in the order of their arrival."""
        ids: list[int] = []
        while page := await self._inbox.notifications(replace(which, before_id=ids[-1] if ids else None, limit=_PAGE)):
            ids += [row.id for row in page]
        return ids[::-1]

    async def lacking(self, ids: Sequence[int]) -> AsyncIterator[Lacking]:
        """Those of the notifications that lack deliveries or cannot be read. What is gone meanwhile is left out."""
        for id_ in ids:
            row = await self._inbox.notification(id_)
            if row is None:
                continue
            try:
                routes = self._routes(row)
            except _UNREADABLE as error:
                yield Lacking(row.id, row.type, (), f"its message cannot be read: {type(error).__name__}: {error}")
                continue
            if missing := await self._missing(row.id, routes):
                yield Lacking(row.id, row.type, missing)

    async def add(self, lacking: Lacking, now: float) -> None:
        """Add the deliveries. Raises Unavailable; doing it again is harmless."""
        await self._inbox.reroute(lacking.id, lacking.routes, now)

    def _routes(self, row: NotificationRow) -> tuple[Route, ...]:
        notification = read_stored(row.body, row.part)
        if row.topic == INTERNAL_TOPIC:
            return asked_routes(self._rules, notification)
        return self._table.route(notification)

    async def _missing(self, id_: int, routes: Sequence[Route]) -> tuple[Route, ...]:
        kept = await self._inbox.deliveries(DeliveryFilter(notification_id=id_, limit=None)) if routes else []
        there = {(row.rule, row.handler) for row in kept if row.parent_id is None}
        return tuple(route for route in routes if (route.rule, route.handler) not in there)
