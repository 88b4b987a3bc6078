"""The way of one push, from bytes to disk: let in, judged and kept, counted. Nothing here knows HTTP."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from receiver.ahead import Ahead
from receiver.alarms import Alarms
from receiver.errors import Refused, Unavailable
from receiver.events import log
from receiver.inbox import SqliteInbox, State
from receiver.judge import Answer, Failure, KeyWanted, Proven, Pushed, Taken, take
from receiver.keys import KeyDesk
from receiver.metrics import Metrics
from receiver.sns import SnsMessage
from receiver.sparing import Sparing
from receiver.subscriptions import Subscriptions

_logger = logging.getLogger(__name__)
_IN_LINE = 16
"""Pushes in flight, of which so many are judged in one go that the next ones wait for it."""
_FEW = 4
"""Pushes in flight, beside which what a push brings is handed out with it: with more, deliveries come in batches."""
_HEADERS = ("x-amz-sns-rawdelivery", "x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn")
_INTERNAL = "the push could not be handled"


Outcome = str | Refused | Unavailable
"""A word for what happened, once that is on disk, or why a push was not taken."""


class Push(NamedTuple):
    """An HTTP request as it came: unverified bytes."""

    body: bytes
    headers: Mapping[str, str]
    remote: str


class _InHand(NamedTuple):
    """A push that is being judged, since a time in seconds of a clock that never jumps; who waits for its outcome."""

    push: Push
    pushed: Pushed
    started: float
    done: Callable[[Outcome], None]


class Traces(Protocol):
    """Where pushes are traced."""

    def pushed(self, kept: Sequence[Taken], began: float) -> None:
        """A push was kept that came at `began`, seconds since the epoch, and is about to be answered 200."""


class Ingest:
    """Takes pushes in: `take` for one who waits, `begin` for one who wants to be told."""

    def __init__(  # noqa: PLR0913 - the seams between the parts
        self,
        inbox: SqliteInbox,
        keys: KeyDesk,
        subscriptions: Subscriptions,
        *,
        ahead: Ahead,
        expect: Callable[[], None],
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
        self.ahead = ahead
        self._expect = expect
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
        self._sparing = Sparing()
        self._slow: set[asyncio.Task[None]] = set()
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
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.begin(push, partial(_tell, told))
        outcome = await told
        if isinstance(outcome, str):
            return outcome
        raise outcome

    def begin(self, push: Push, done: Callable[[Outcome], None]) -> None:
        """Take a push in; `done` hears of its outcome, at once or later. Raises nothing."""
        started = time.perf_counter()
        self._metrics.received.inc()
        try:
            self._admit(len(push.body))
            headers = {name: push.headers[name] for name in _HEADERS if name in push.headers}
            pushed = Pushed(push.body, headers, self._clock())
            asked = self._inbox.submit(take, self.ahead.taken(pushed, self._in_flight))
            if self._in_flight < _FEW:
                self._expect()
        except Exception as error:  # noqa: BLE001 - said by _failure
            self._fail(error, push, done)
            return
        self._in_flight += 1
        self._bytes += len(push.body)
        self.quiet.clear()
        asked.add_done_callback(partial(self._judged, _InHand(push, pushed, started, done)))

    def _admit(self, size: int) -> None:
        if self._stopping:
            raise Unavailable("stopping", "the daemon is stopping", retry_after=5)
        if self._in_flight >= self.most_in_flight:
            raise Unavailable("overload", f"{self._in_flight} pushes are in flight already", retry_after=5)
        if self._in_flight and self._bytes + size > self.most_bytes:
            raise Unavailable("overload", f"{self._bytes} bytes of pushes are in flight already", retry_after=5)

    def _judged(self, in_hand: _InHand, asked: asyncio.Future[Answer]) -> None:
        try:
            answer = asked.result()
            if isinstance(answer, KeyWanted | SnsMessage):
                task = asyncio.create_task(self._go_on(in_hand, answer), name="push that waits for Amazon")
                self._slow.add(task)
                task.add_done_callback(self._slow.discard)
                return
            outcome: Outcome = self._kept(answer, in_hand.pushed.now)
        except Exception as error:  # noqa: BLE001 - said by _failure
            self._fail(error, in_hand.push, partial(self._end, in_hand))
        else:
            self._end(in_hand, outcome)

    async def _go_on(self, in_hand: _InHand, answer: KeyWanted | SnsMessage) -> None:
        """What the judge cannot do: get a key, or confirm a subscription."""
        try:
            outcome: Outcome = await self._outcome(in_hand, answer)
        except Exception as error:  # noqa: BLE001 - said by _failure
            self._fail(error, in_hand.push, partial(self._end, in_hand))
        else:
            self._end(in_hand, outcome)

    async def _outcome(self, in_hand: _InHand, answer: Answer) -> str:
        pushed = in_hand.pushed
        if isinstance(answer, KeyWanted):
            await self._keys.grant(answer, pushed.now, in_hand.push.remote)
            again: Pushed | Proven = pushed
            answer = await self._inbox.write(take, again)
        if isinstance(answer, KeyWanted):
            raise Unavailable("certificate_unavailable", f"the key of {answer.url} was there and is gone again")
        if isinstance(answer, SnsMessage):
            outcome = await self.subscriptions.take(answer)
            self._metrics.confirmations.labels(outcome).inc()
            return outcome
        return self._kept(answer, pushed.now)

    def _kept(self, answer: tuple[Taken, ...] | Failure, began: float) -> str:
        """Raises what the judge refused with."""
        if isinstance(answer, Refused | Unavailable | RuntimeError):
            raise answer
        woken: set[str] = set()
        for taken in answer:
            self._record(taken)
            woken.update(taken.handlers)
        if woken:
            self._wake(woken)
        if self.traces is not None:
            self.traces.pushed(answer, began)
        return "duplicate" if all(taken.duplicate for taken in answer) else "accepted"

    def _end(self, in_hand: _InHand, outcome: Outcome) -> None:
        self._in_flight -= 1
        self._bytes -= len(in_hand.push.body)
        if not self._in_flight:
            self.quiet.set()
        if isinstance(outcome, str):
            self._metrics.acknowledged.observe(time.perf_counter() - in_hand.started)
        in_hand.done(outcome)

    def _fail(self, error: Exception, push: Push, tell: Callable[[Outcome], None]) -> None:
        """Tell of an error, also where counting it or saying so fails: else the push would be in flight for ever."""
        outcome: Refused | Unavailable = Unavailable("internal", _INTERNAL)
        try:
            outcome = self._failure(error, push)
        finally:
            tell(outcome)

    def _failure(self, error: Exception, push: Push) -> Refused | Unavailable:
        """What a push's sender is told of an error, which is counted and said in the log."""
        if isinstance(error, Refused | Unavailable):
            self._record_failure(error, push)
            return error
        return failed(error)

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
        for each in taken.dead:
            self._metrics.finals.labels(each.handler, State.DEAD.value).inc()
            self._alarms.dead(taken.id, each)

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
        self._sparing.log(
            error.reason,
            _logger,
            logging.WARNING,
            event,
            reason=error.reason,
            detail=error.detail,
            message_id=message_id[:64] if message_id else None,
            remote=push.remote,
        )


def failed(error: Exception) -> Unavailable:
    """What a push's sender is told of a fault of this program's, which is said in the log."""
    log(_logger, logging.ERROR, "push_failed", error=f"{type(error).__name__}: {error}")
    _logger.debug("push_failed", exc_info=error)
    return Unavailable("internal", _INTERNAL)


def _tell(told: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not told.done():
        told.set_result(outcome)
