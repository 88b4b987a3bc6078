"""The daemon's own notifications (`router.*`): kept and routed like Amazon's, so that alerts are ordinary rules."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from receiver.dispatcher.reporter import stillborn
from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox import Entry, Inbox, Route
from receiver.notification import INTERNAL_TOPIC, Notification, read_stored
from receiver.rules import Rule, Table
from receiver.times import iso

_logger = logging.getLogger(__name__)
_MOST_WAITING = 1000
_MOST_SUBJECTS = 1000
_RETRY = 1.0


class InternalEvents:
    """Raises `router.*` notifications. `emit` never blocks and never raises; a full queue drops, which is logged.

    Of one type and subject at most one is raised in `quiet` seconds, so that no storm arises.
    """

    def __init__(self, inbox: Inbox, clock: Callable[[], float]) -> None:
        self._inbox = inbox
        self._clock = clock
        self._queue: asyncio.Queue[tuple[str, Mapping[str, Any]]] = asyncio.Queue(_MOST_WAITING)
        self._last: dict[tuple[str, str], float] = {}

    def emit(self, type_: str, payload: Mapping[str, Any], subject: str = "", quiet: float = 0.0) -> None:
        """Raise a notification of type `type_`."""
        if quiet and self._seen_lately(type_, subject, quiet):
            return
        try:
            self._queue.put_nowait((type_, payload))
        except asyncio.QueueFull:
            log(_logger, logging.ERROR, "internal_event_dropped", type=type_)

    def _seen_lately(self, type_: str, subject: str, quiet: float) -> bool:
        now = self._clock()
        last = self._last.pop((type_, subject), None)
        lately = last is not None and 0 <= now - last < quiet
        self._last[type_, subject] = last if lately and last is not None else now
        if len(self._last) > _MOST_SUBJECTS:
            del self._last[next(iter(self._last))]
        return lately

    async def run(self, rules: Callable[[], Sequence[Rule]], wake: Callable[[Iterable[str]], None]) -> None:
        """Keep what was raised and some rule asks for, for as long as the daemon runs."""
        while True:
            type_, payload = await self._queue.get()
            body = internal_body(type_, payload, self._clock())
            notification = read_stored(body, 0)
            if routes := asked_routes(rules(), notification):
                wake(await self._accept(Entry(notification, routes, body, self._clock())))
            self._queue.task_done()

    async def drain(self) -> None:
        """Wait until all that was raised is kept."""
        await self._queue.join()

    async def _accept(self, entry: Entry) -> tuple[str, ...]:
        while True:
            try:
                (accepted,) = await self._inbox.accept([entry])
            except Unavailable:
                await asyncio.sleep(_RETRY)
            else:
                for each in accepted.dead:
                    stillborn(_logger, accepted.id, each)
                return accepted.handlers


def asked_routes(rules: Sequence[Rule], notification: Notification) -> tuple[Route, ...]:
    """The deliveries of an internal notification.

    Only rules that ask for its type get it: an archive of everything Amazon sends stays free of the daemon's own.
    """
    return Table(asking_rules(rules, notification)).route(notification)


def asking_rules(rules: Sequence[Rule], notification: Notification) -> list[Rule]:
    """The rules that match an internal notification and would not without its type."""
    document = notification.document
    untyped = {**document, "type": ""}
    patterns = ((rule, rule.pattern) for rule in rules if rule.pattern)
    return [rule for rule, pattern in patterns if pattern.matches(document) and not pattern.matches(untyped)]


def internal_body(type_: str, payload: Mapping[str, Any], now: float) -> bytes:
    """An internal notification in the form in which SNS messages are kept."""
    time = iso(now)
    inner = {"NotificationType": type_, "EventTime": time, "Payload": dict(payload)}
    message = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": INTERNAL_TOPIC,
        "Message": orjson.dumps(inner, default=str).decode(),
        "Timestamp": time,
    }
    return orjson.dumps(message)
