"""A dispatcher at work in a test: an inbox of either kind, scripted handlers, and time that can be skipped."""

import asyncio
import logging
import selectors
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from handlers.base import Delivery, Done, Handler, HandlerContext, HandlerSettings, Outcome
from receiver.dispatcher import Dispatcher, LaneSettings, LaneSpec
from receiver.dispatcher.outcomes import Ended
from receiver.inbox import Accepted, DeliveryFilter, Entry, Inbox, Route, State
from receiver.inbox.memory import MemoryInbox
from receiver.inbox.sqlite import SqliteInbox
from receiver.notification import INTERNAL_TOPIC, read_stored

PATIENCE = 20.0
"""Seconds after which a condition that does not come true fails its test."""

Handle = Callable[[Delivery], Awaitable[Outcome]]


class Scripted(Handler[HandlerSettings]):
    """A handler that does what a test says, and knows what went through it."""

    def __init__(self, handle: Handle | None = None, start: Exception | None = None) -> None:
        context = HandlerContext("scripted", logging.getLogger("scripted"), lambda: 0.0, Path())
        super().__init__(HandlerSettings(), context)
        self.script = handle
        self.failing_start = start
        self.deliveries: list[Delivery] = []
        self.running = 0
        self.most_running = 0
        self.started = self.closed = 0

    async def start(self) -> None:
        self.started += 1
        if self.failing_start:
            raise self.failing_start

    async def close(self) -> None:
        self.closed += 1

    async def handle(self, delivery: Delivery) -> Outcome:
        self.deliveries.append(delivery)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return await self.script(delivery) if self.script else Done()
        finally:
            self.running -= 1


@dataclass
class Observed:
    """An observer that counts."""

    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    finals: Counter[tuple[str, str]] = field(default_factory=Counter)

    def attempt_finished(self, handler: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.attempts[handler, outcome] += 1

    def delivery_final(self, handler: str, state: str, since_received: float) -> None:
        assert since_received >= 0
        self.finals[handler, state] += 1

    def delivery_recorded(self, ended: Ended) -> None:
        assert self.finals[ended.claim.handler, ended.result.state.value]


def entry(
    *routes: Route,
    number: int = 0,
    at: float | None = None,
    received_at: float | None = None,
    payload: Mapping[str, Any] | None = None,
    internal: bool = False,
) -> Entry:
    """A notification of its own each time, number `number`, which happened at `at`."""
    now = time.time() if received_at is None else received_at
    moment = datetime.fromtimestamp(now if at is None else at, UTC).isoformat()
    inner = {
        "NotificationType": "router.delivery_dead" if internal else "ORDER_CHANGE",
        "EventTime": moment,
        "Payload": {"number": number} | dict(payload or {}),
        "NotificationMetadata": {"NotificationId": str(uuid.uuid4())},
    }
    message = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": INTERNAL_TOPIC if internal else "arn:aws:sns:us-east-1:123456789012:sp-api",
        "Message": orjson.dumps(inner).decode(),
        "Timestamp": moment,
    }
    body = orjson.dumps(message)
    return Entry(read_stored(body, 0), routes, body, now)


def number_of(delivery: Delivery) -> int:
    number: int = delivery.document["payload"]["number"]
    return number


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for a condition, a plain or an asynchronous one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.002)


class Lab:
    """An inbox and a dispatcher over it."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.observed = Observed()
        self.dispatcher: Dispatcher | None = None
        self.pushes = 0

    async def start(self, lanes: Mapping[str, LaneSpec | Handler[Any] | Handle], **options: Any) -> Dispatcher:
        options = {"emit": lambda *event: self.events.append(event), "observer": self.observed} | options
        self.dispatcher = Dispatcher(self.inbox, self.specs(lanes), **options)
        await self.dispatcher.start()
        return self.dispatcher

    @staticmethod
    def specs(lanes: Mapping[str, LaneSpec | Handler[Any] | Handle]) -> dict[str, LaneSpec]:
        return {name: _spec(lane) for name, lane in lanes.items()}

    async def push(self, *entries: Entry) -> list[int]:
        """Keep notifications as the daemon does, every other time as where pushes stand in line."""
        self.pushes += 1
        accepted = await self._kept(entries, expected=self.pushes % 2 == 1)
        if self.dispatcher:
            self.dispatcher.wake({name for each in accepted for name in each.handlers})
        return [each.id for each in accepted]

    async def _kept(self, entries: Sequence[Entry], expected: bool) -> list[Accepted]:
        keeping = asyncio.ensure_future(self.inbox.accept(entries))
        await asyncio.sleep(0)
        if self.dispatcher and expected:
            self.dispatcher.expect()
        return await keeping

    async def states(self) -> dict[State, int]:
        counts = await self.inbox.count(DeliveryFilter(limit=None))
        return {state: count for state, count in counts.items() if count}

    async def settled(self, **counts: int) -> None:
        """Wait until the deliveries stand so, by the names of their states, and all that was heard of it."""
        wanted = {State(name): count for name, count in counts.items()}

        async def stand() -> bool:
            return await self.states() == wanted

        await until(stand)
        await until(self._told)

    def _told(self) -> bool:
        """A result is in the inbox a moment before logs, events and the observer hear of it."""
        lanes = self.dispatcher.snapshot().values() if self.dispatcher else ()
        return not any(lane.unrecorded for lane in lanes)

    async def stop(self, grace: float = PATIENCE) -> None:
        if self.dispatcher:
            await self.dispatcher.stop(grace)
            self.dispatcher = None


def _spec(lane: LaneSpec | Handler[Any] | Handle) -> LaneSpec:
    if isinstance(lane, LaneSpec):
        return lane
    return LaneSpec(lane if isinstance(lane, Handler) else Scripted(lane), LaneSettings())


@pytest.fixture(params=["memory", "sqlite"])
async def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Inbox]:
    store = MemoryInbox() if request.param == "memory" else await SqliteInbox.open(tmp_path / "inbox.db")
    yield store
    await store.close()


@pytest.fixture
async def lab(inbox: Inbox) -> AsyncIterator[Lab]:
    lab = Lab(inbox)
    yield lab
    await lab.stop(0)


@pytest.fixture(name="entry")
def entry_fixture() -> Callable[..., Entry]:
    return entry


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., Awaitable[None]]:
    return until


@pytest.fixture
def scripted() -> type[Scripted]:
    return Scripted


@pytest.fixture
def lab_of() -> type[Lab]:
    return Lab


@pytest.fixture
def number() -> Callable[[Delivery], int]:
    return number_of


class _SkippingSelector(selectors.DefaultSelector):
    """Where nothing is ready, moves the clock on instead of waiting."""

    now = 1_800_000_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits for something that cannot come"
            self.now += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose waiting takes no time. Only for what waits for timers alone."""

    def __init__(self) -> None:
        self.clock_selector = _SkippingSelector()
        super().__init__(self.clock_selector)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.clock_selector.now


@pytest.fixture
def skipping() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine with time that is skipped; `asyncio.get_running_loop().time` is its clock."""

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            return runner.run(work)

    return run
