"""One notification: received, matched by rules and why, each delivery, each attempt with request and answer."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from receiver.console.renderer import Renderer
from receiver.desk import Desk
from receiver.explanation import Explanation, Planned
from receiver.inbox import AttemptRow, DeliveryFilter, DeliveryRow, NotificationRow
from receiver.inbox.identifiers import stored_identifiers
from receiver.notification import INTERNAL_TOPIC, Notification, read_stored
from receiver.world import World

_MOST = 200
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Leg:
    """A delivery on the page."""

    row: DeliveryRow
    attempts: list[AttemptRow]
    planned: Planned | None
    """What an attempt sends by the rules of today, None where its handler is gone."""
    depth: int
    """How many handlers came before it in its chain."""


class Journey:
    """`/notifications/ID`, and `/deliveries/ID` which leads to it."""

    def __init__(self, world: World, renderer: Renderer, desk: Desk) -> None:
        self._world = world
        self._renderer = renderer
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        """Answer with the page."""
        id_ = int(request.match_info["id"])
        row = await self._world.kept.notification(id_)
        if row is None:
            return self._renderer.page(
                request,
                "missing.html",
                404,
                what=f"notification {id_}",
                hint="It may have been deleted after its time.",
            )
        notification = _read(row)
        explanation = await asyncio.to_thread(self._explain, row, notification)
        return self._renderer.page(
            request,
            "notification.html",
            row=row,
            about=stored_identifiers(row.body, row.part),
            explanation=explanation,
            internal=row.topic == INTERNAL_TOPIC,
            legs=await self._legs(row),
            document=notification.document if notification else row.body,
        )

    async def lead(self, request: web.Request) -> web.Response:
        """Lead from a delivery to its place on the page of its notification."""
        id_ = int(request.match_info["id"])
        row = await self._world.kept.delivery(id_)
        if row is None:
            hint = "It may have been deleted with its notification after its time."
            return self._renderer.page(request, "missing.html", 404, what=f"delivery {id_}", hint=hint)
        raise web.HTTPSeeOther(f"/notifications/{row.notification_id}#d{id_}")

    def _explain(self, row: NotificationRow, notification: Notification | None) -> Explanation | None:
        if notification is None or row.topic == INTERNAL_TOPIC:
            return None
        return self._desk.explainer().explain(notification)

    async def _legs(self, row: NotificationRow) -> list[Leg]:
        """The deliveries, each followed by those that came out of it."""
        inbox = self._world.kept
        rows = (await inbox.deliveries(DeliveryFilter(notification_id=row.id, limit=_MOST)))[::-1]
        explainer = self._desk.explainer()
        legs = []
        for delivery, depth in _in_order(rows):
            planned = explainer.preview(row, delivery)
            legs.append(Leg(delivery, await inbox.attempts(delivery.id), planned, depth))
        return legs


def _read(row: NotificationRow) -> Notification | None:
    try:
        return read_stored(row.body, row.part)
    except _UNREADABLE:
        return None


def _in_order(rows: list[DeliveryRow]) -> list[tuple[DeliveryRow, int]]:
    """Deliveries in the order of their chains, with their depth in it."""
    children: dict[Any, list[DeliveryRow]] = {}
    known = {row.id for row in rows}
    for row in rows:
        children.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
    ordered: list[tuple[DeliveryRow, int]] = []
    waiting = [(row, 0) for row in reversed(children.get(None, []))]
    while waiting:
        row, depth = waiting.pop()
        ordered.append((row, depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(row.id, []))]
    return ordered
