"""The way of one push, from bytes to disk: let in, judged and kept, counted. Nothing here knows HTTP."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from receiver.alarms import Alarms
from receiver.errors import Refused, Unavailable
from receiver.events import log
from receiver.inbox import SqliteInbox
from receiver.judge import Answer, KeyWanted, Pushed, Taken, take
from receiver.keys import KeyDesk
from receiver.metrics import Metrics
from receiver.sns import SnsMessage
from receiver.subscriptions import Subscriptions

_logger = logging.getLogger(__name__)
_IN_LINE = 16
"""Pushes in flight, of which so many are judged in one go that the next ones wait for it."""
_HEADERS = ("x-amz-sns-rawdelivery", "x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn")


@dataclass(frozen=True, slots=True)
class Push:
    """An HTTP request as it came: unverified bytes."""

    body: bytes
    headers: Mapping[str, str]
    remote: str


class Traces(Protocol):
    """Where pushes are traced."""

    def pushed(self, kept: Sequence[Taken], began: float) -> None:
        """A push was kept that came at `began`, seconds since the epoch, and is about to be answered 200."""


class Ingest:
    """Takes pushes in. Raises Refused or Unavailable; returns a word for what happened, once that is on disk."""

    def __init__(  # noqa: PLR0913 - the seams between the parts
        self,
        inbox: SqliteInbox,
        keys: KeyDesk,
        subscriptions: Subscriptions,
        *,
        wake: Callable[[Iterable[str]], None],
        metrics: Metrics,
        alarms: Alarms,
        clock: Callable[[], float] = time.time,
        most_in_flight: int = 1000,
        most_bytes: int = 64 << 20,
    ) -> None:
        self.subscriptions = subscriptions
        self._inbox = inbox
        self._keys = keys
        self._wake = wake
        self._metrics = metrics
        self._alarms = alarms
        self._clock = clock
        self.traces: Traces | None = None
        """Is told of each push that was kept."""
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

    @property
    def is_busy(self) -> bool:
        """Whether pushes stand in line: what can wait had better."""
        return self._in_flight > _IN_LINE

    def is_full(self, waiting: int) -> bool:
        """Whether a push that comes now, with so many before it that nobody has looked at, is one too many."""
        return self._in_flight + waiting >= self.most_in_flight and not self._stopping

    def refused_unread(self) -> None:
        """Count a push that is refused before it is read, for there are too many."""
        self._metrics.received.inc()
        self._metrics.unavailable.labels("overload").inc()

    def turned_away(self, error: Refused | Unavailable) -> None:
        """Count a push that does not come as far as `take`: its sender or its body is not as it must be."""
        self._metrics.received.inc()
        counter = self._metrics.refused if isinstance(error, Refused) else self._metrics.unavailable
        counter.labels(error.reason).inc()

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
        began = 0.0 if self.traces is None else self._clock()
        answer = await self._judged(push)
        if isinstance(answer, SnsMessage):
            outcome = await self.subscriptions.take(answer)
            self._metrics.confirmations.labels(outcome).inc()
            return outcome
        woken: set[str] = set()
        for taken in answer:
            self._record(taken)
            woken.update(taken.handlers)
        if woken:
            self._wake(woken)
        if self.traces is not None:
            self.traces.pushed(answer, began)
        return "duplicate" if all(taken.duplicate for taken in answer) else "accepted"

    async def _judged(self, push: Push) -> tuple[Taken, ...] | SnsMessage:
        """What became of a push, judged again once the key that it needs is there."""
        headers = {name: push.headers[name] for name in _HEADERS if name in push.headers}
        pushed = Pushed(push.body, headers, self._clock())
        answer: Answer = await self._inbox.write(take, pushed)
        if isinstance(answer, KeyWanted):
            await self._keys.grant(answer, pushed.now)
            answer = await self._inbox.write(take, pushed)
        if isinstance(answer, Refused | Unavailable):
            raise answer
        if isinstance(answer, KeyWanted):
            raise Unavailable("certificate_unavailable", f"the key of {answer.url} was there and is gone again")
        return answer

    def _record(self, taken: Taken) -> None:
        if taken.duplicate:
            self._metrics.duplicates.inc()
            log(_logger, logging.INFO, "push_duplicate", notification=taken.id, message_id=taken.message_id)
            return
        self._metrics.accepted.labels(taken.type).inc()
        if not taken.rules:
            self._metrics.unrouted.labels(taken.type).inc()
            self._alarms.unrouted(taken.type, taken.notification_id, taken.topic)
        for rule in set(taken.rules):
            self._metrics.rule_hits.labels(rule).inc()
        if _logger.isEnabledFor(logging.INFO):
            self._log_accepted(taken)

    @staticmethod
    def _log_accepted(taken: Taken) -> None:
        log(
            _logger,
            logging.INFO,
            "push_accepted",
            notification=taken.id,
            type=taken.type or None,
            message_id=taken.message_id,
            notification_id=taken.notification_id or None,
            seller_id=taken.seller_id or None,
            deliveries=len(taken.rules),
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
