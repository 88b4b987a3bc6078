"""What was received: the listing, and one notification with its journey."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from receiver.api.explained import ExplainedRule, rules_of
from receiver.api.journey import DeliveryJourney, journeys
from receiver.api.model import Answer, Next, Paged
from receiver.api.operation import Call
from receiver.api.problems import missing
from receiver.api.values import Flag, Moment, Text, Time, moment, seconds_of
from receiver.desk import Desk
from receiver.inbox import NotificationFilter, NotificationRow, State
from receiver.inbox.identifiers import stored_identifiers
from receiver.inbox.search import Search
from receiver.notification import INTERNAL_TOPIC, Notification, asked_type, read_stored
from receiver.world import World

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


class NotificationQuery(Paged):
    """Which notifications; all that is given must hold."""

    text: Text | None = None
    """An order id, ASIN, SKU or other identifier, whole or its beginning; else any text within messages."""
    whole: Flag = False
    """Look for `text` in whole messages also where it is a known identifier."""
    type: Text | None = None
    """Like ORDER_CHANGE."""
    seller: Text | None = None
    topic: Text | None = None
    """An SNS topic's ARN."""
    unrouted: Flag | None = None
    """Those alone that no rule matched, or those alone that some did."""
    since: Time | None = None
    """Received at or after."""
    until: Time | None = None
    """Received before."""


class NotificationItem(Answer):
    """A notification as listed."""

    id: int
    """Its number in the inbox."""
    received_at: Moment
    event_time: Moment | None
    type: str
    version: str
    notification_id: str
    """SP-API's NotificationId; empty where the message has none."""
    message_id: str
    """SNS's MessageId."""
    topic: str
    seller_id: str
    marketplace_id: str
    repeats: int
    """How many times it came again."""
    part: int
    """Its place in an SNS message that carried several."""
    states: dict[State, int]
    """How many of its deliveries are in which state."""


class NotificationPage(Answer):
    """A page of notifications, newest first. It may hold fewer than asked for, and still have a next one."""

    items: list[NotificationItem]
    next: Next
    looked_through: int
    """Messages that were looked through one by one."""
    searched_back_to: Moment | None
    """How far back the search came before its time was up; null where it came to its end."""


class Identified(Answer):
    """Something that a notification is about."""

    kind: str
    value: str


class NotificationDetail(NotificationItem):
    """A notification with its journey."""

    identifiers: list[Identified]
    """What it can be found by."""
    message: str
    """The SNS message as it was received."""
    document: Any
    """What rules see; null where the message cannot be read, or is nested too deep to be answered."""
    rules: list[ExplainedRule]
    """Which rules of today match it, and why the others do not. None for the daemon's own notifications."""
    deliveries: list[DeliveryJourney]
    """In the order of their making; no more than 200."""


class Notifications:
    """`/notifications`."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world = world
        self._desk = desk

    async def list(self, call: Call) -> NotificationPage:
        """A page of those that a query means."""
        query: NotificationQuery = call.query
        now = self._world.clock()
        which = NotificationFilter(
            type=None if query.type is None else asked_type(query.type),
            seller_id=query.seller,
            topic=query.topic,
            unrouted=query.unrouted,
            since=seconds_of(query.since, now),
            until=seconds_of(query.until, now),
            before_id=query.cursor,
            limit=query.limit,
        )
        found = await self._world.searcher.find(Search(query.text or "", which, query.whole))
        return NotificationPage(
            items=[NotificationItem(**facts(row)) for row in found.rows],
            next=None if found.next_id is None or found.next_id <= 0 else str(found.next_id),
            looked_through=found.looked,
            searched_back_to=moment(found.back_to),
        )

    async def show(self, call: Call) -> NotificationDetail:
        """One with its journey. Raises ApiError."""
        row = await self._world.kept.notification(call.id)
        if row is None:
            raise missing("notification", call.id)
        notification = _read(row)
        explainer = self._desk.explainer()
        explained = None
        if notification is not None and row.topic != INTERNAL_TOPIC:
            explained = await asyncio.to_thread(explainer.explain, notification)
        return NotificationDetail(
            **facts(row),
            identifiers=[
                Identified(kind=each.kind, value=each.value) for each in stored_identifiers(row.body, row.part)
            ],
            message=row.body.decode("utf-8", "replace"),
            document=_shown(notification.document) if notification else None,
            rules=rules_of(explained.verdicts) if explained else [],
            deliveries=await journeys(self._world.kept, explainer, row),
        )


def facts(row: NotificationRow) -> dict[str, Any]:
    """The fields of a notification as listed."""
    names = ("id", "type", "version", "notification_id", "message_id", "topic", "seller_id", "marketplace_id")
    return {
        **{name: getattr(row, name) for name in names},
        "received_at": moment(row.received_at),
        "event_time": moment(row.event_time),
        "repeats": row.repeats,
        "part": row.part,
        "states": row.deliveries,
    }


def _shown(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A document as it is answered: the model would fail as a whole for one that it cannot write."""
    try:
        to_json([document])
    except ValueError:
        return None
    return document


def _read(row: NotificationRow) -> Notification | None:
    try:
        return read_stored(row.body, row.part)
    except _UNREADABLE:
        return None
