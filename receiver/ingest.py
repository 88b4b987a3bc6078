"""The way of one push, from bytes to disk: parse, verify, read, route, keep. Nothing here knows HTTP."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from receiver.alarms import Alarms
from receiver.errors import Refused, Unavailable
from receiver.events import log
from receiver.inbox import Accepted, Entry, Inbox
from receiver.metrics import Metrics
from receiver.notification import Notification, read
from receiver.rules import Table
from receiver.sns import SnsMessage, Verifier, parse
from receiver.subscriptions import Subscriptions

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Push:
    """An HTTP request as it came: unverified bytes."""

    body: bytes
    headers: Mapping[str, str]
    remote: str


class Ingest:
    """Takes pushes in. Raises Refused or Unavailable; returns a word for what happened, once that is on disk."""

    def __init__(  # noqa: PLR0913 - the seams between the parts
        self,
        verifier: Verifier,
        subscriptions: Subscriptions,
        inbox: Inbox,
        table: Table,
        *,
        wake: Callable[[Iterable[str]], None],
        metrics: Metrics,
        alarms: Alarms,
        clock: Callable[[], float] = time.time,
        most_in_flight: int = 1000,
        most_bytes: int = 64 << 20,
    ) -> None:
        self.verifier = verifier
        self.subscriptions = subscriptions
        self.table = table
        self._inbox = inbox
        self._wake = wake
        self._metrics = metrics
        self._alarms = alarms
        self._clock = clock
        self.most_in_flight = most_in_flight
        self.most_bytes = most_bytes
        """Bytes of bodies in flight, each of which takes several times as much memory while it is judged."""
        self._in_flight = 0
        self._bytes = 0
        self._stopping = False
        self.quiet = asyncio.Event()
        """Set while no push is in flight."""
        self.quiet.set()

    def stop(self) -> None:
        """Answer what comes from now on with 503."""
        self._stopping = True

    @property
    def in_flight(self) -> int:
        """Pushes being judged or kept now."""
        return self._in_flight

    async def take(self, push: Push) -> str:
        """`accepted`, `duplicate`, `confirmed`, `pending` or `unsubscribed`. Raises Refused or Unavailable."""
        started = time.perf_counter()
        self._metrics.received.inc()
        try:
            outcome = await self._admitted(push)
        except (Refused, Unavailable) as error:
            self._record_failure(error, push)
            raise
        self._metrics.acknowledged.observe(time.perf_counter() - started)
        return outcome

    async def _admitted(self, push: Push) -> str:
        size = len(push.body)
        self._admit(size)
        self._in_flight += 1
        self._bytes += size
        self.quiet.clear()
        try:
            return await self._take(push)
        finally:
            self._in_flight -= 1
            self._bytes -= size
            if not self._in_flight:
                self.quiet.set()

    def _admit(self, size: int) -> None:
        if self._stopping:
            raise Unavailable("stopping", "the daemon is stopping", retry_after=5)
        if self._in_flight >= self.most_in_flight:
            raise Unavailable("overload", f"{self._in_flight} pushes are in flight already", retry_after=5)
        if self._in_flight and self._bytes + size > self.most_bytes:
            raise Unavailable("overload", f"{self._bytes} bytes of pushes are in flight already", retry_after=5)

    async def _take(self, push: Push) -> str:
        message = await self.verifier.verify(parse(push.body, push.headers))
        if message.type != "Notification":
            outcome = await self.subscriptions.take(message)
            self._metrics.confirmations.labels(outcome).inc()
            return outcome
        return await self.keep(message)

    async def keep(self, message: SnsMessage) -> str:
        """Put a verified message's notifications and their deliveries on disk."""
        now = self._clock()
        notifications = read(message.envelope)
        entries = [Entry(each, self.table.route(each), message.body, now) for each in notifications]
        accepted = await self._inbox.accept(entries)
        woken: set[str] = set()
        for entry, result in zip(entries, accepted, strict=True):
            self._record(entry, result)
            woken.update(result.handlers)
        if woken:
            self._wake(woken)
        return "duplicate" if all(result.duplicate for result in accepted) else "accepted"

    def _record(self, entry: Entry, result: Accepted) -> None:
        notification = entry.notification
        if result.duplicate:
            self._metrics.duplicates.inc()
            message_id = notification.envelope.message_id
            log(_logger, logging.INFO, "push_duplicate", notification=result.id, message_id=message_id)
            return
        self._metrics.accepted.labels(notification.type).inc()
        if not entry.routes:
            self._metrics.unrouted.labels(notification.type).inc()
            self._alarms.unrouted(notification)
        for rule in {route.rule for route in entry.routes}:
            self._metrics.rule_hits.labels(rule).inc()
        if _logger.isEnabledFor(logging.INFO):
            self._log_accepted(notification, result.id, len(entry.routes))

    @staticmethod
    def _log_accepted(notification: Notification, id_: int, deliveries: int) -> None:
        log(
            _logger,
            logging.INFO,
            "push_accepted",
            notification=id_,
            type=notification.type or None,
            message_id=notification.envelope.message_id,
            notification_id=notification.notification_id or None,
            seller_id=notification.seller_id or None,
            deliveries=deliveries,
        )

    def _record_failure(self, error: Refused | Unavailable, push: Push) -> None:
        counter = self._metrics.refused if isinstance(error, Refused) else self._metrics.unavailable
        counter.labels(error.reason).inc()
        self._alarms.failed(error)
        event = "push_refused" if isinstance(error, Refused) else "push_unavailable"
        message_id = push.headers.get("x-amz-sns-message-id")
        log(
            _logger,
            logging.WARNING,
            event,
            reason=error.reason,
            detail=error.detail,
            message_id=message_id[:64] if message_id else None,
            remote=push.remote,
        )
