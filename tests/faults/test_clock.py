"""A clock that is set while the daemon runs: nothing is lost, and nothing runs twice."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from handlers.base import Delivery, Done, Handler, HandlerContext, HandlerSettings, Outcome
from receiver.dispatcher import Dispatcher, LaneSpec
from receiver.inbox import DeliveryFilter, Entry, Route, State
from receiver.inbox.sqlite import SqliteInbox
from receiver.inbox.store import Claim
from receiver.internal import internal_body
from receiver.notification import read_stored
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns
from tests.faults.scene import until

HOUR = 3600.0
RULES = '[[rules]]\nname = "all"\nhandlers = ["erp"]\n'
PATIENT = 'breaker = false\nretry = { attempts = 20, first = "100ms", most = "200ms" }'


class Clock:
    """The time of day, with an error that can be set."""

    def __init__(self) -> None:
        self.error = 0.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.error


def message(number: int) -> dict[str, Any]:
    return {"NotificationType": "ORDER_CHANGE", "Payload": {"Number": number}}


def numbers(sink: Sink) -> Counter[int]:
    return Counter(json.loads(each.body)["payload"]["Number"] for each in sink.arrivals)


async def all_done(router: Any, count: int) -> None:
    async def done() -> bool:
        states: dict[State, int] = await router.inbox.count(DeliveryFilter())
        return states == {State.DONE: count}

    await until(done, 20)


@pytest.mark.parametrize("steps", [(HOUR, -HOUR), (-HOUR, HOUR), (12 * HOUR, -24 * HOUR, 12 * HOUR)])
async def test_steps_back_and_forth(
    start_router: Any, write_rules: Callable[..., str], forward_to: Any, sns: SimulatedSns, sink: Sink, steps: Any
) -> None:
    """Every push is taken or asked to come again; a delivery waits for the size of a step back at most, and ends."""
    clock = Clock()
    router = await start_router(write_rules(forward_to(more=PATIENT) + RULES), clock=clock)
    waiting: list[int] = []
    errors = list(accumulate([0.0, *steps]))
    for number, clock.error in enumerate(errors):
        sink.behave(Behaviour(status=503), 1)
        answer = await sns.publish(router.url, message(number))
        assert (answer.status == 503) == (clock.error < 0), answer
        waiting += [number] if answer.status == 503 else []
    clock.error = max(errors)
    sink.behave(Behaviour())
    for number in [*waiting, len(errors)]:
        assert (await sns.publish(router.url, message(number))).status == 200
    count = len(errors) + 1
    await sink.wait_for(count)
    await all_done(router, count)
    assert numbers(sink) == Counter(range(count))


async def test_a_clock_that_is_behind_asks_sns_to_come_again(
    start_router: Any, write_rules: Callable[..., str], forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    clock = Clock()
    router = await start_router(write_rules(forward_to() + RULES), clock=clock)
    clock.error = -HOUR
    answer = await sns.publish(router.url, message(1))
    assert (answer.status, "from_the_future" in answer.text) == (503, True), answer
    clock.error = 0.0
    assert (await sns.publish(router.url, message(1))).status == 200
    await sink.wait_for(1)


class Slow(Handler[HandlerSettings]):
    """A handler whose runs end when the test says so."""

    def __init__(self) -> None:
        context = HandlerContext("slow", logging.getLogger("slow"), time.time, Path())
        super().__init__(HandlerSettings(), context)
        self.runs: list[int] = []
        self.release = asyncio.Event()

    async def handle(self, delivery: Delivery) -> Outcome:
        """One run."""
        self.runs.append(delivery.id)
        await self.release.wait()
        return Done()


def nothing() -> None:
    """What happens while leases are extended, where a test does not say."""


class Late(SqliteInbox):
    """An inbox whose answer to a claim can come late, as after a freeze: `held_up` is told, `go_on` lets it come."""

    hold_up = False
    meanwhile: Callable[[], None] = staticmethod(nothing)
    """What happens while leases are extended."""
    held_up: asyncio.Event
    go_on: asyncio.Event

    async def claim(self, handler: str, limit: int, now: float, lease: float) -> list[Claim]:
        claims = await super().claim(handler, limit, now, lease)
        if self.hold_up and claims:
            self.held_up.set()
            await self.go_on.wait()
        return claims

    async def extend(self, claims: Sequence[tuple[int, int]], leased_until: float) -> tuple[tuple[int, int], ...]:
        lost = await super().extend(claims, leased_until)
        self.meanwhile()
        return lost


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Late]:
    opened = await Late.open(tmp_path / "inbox.db")
    assert isinstance(opened, Late)
    opened.held_up, opened.go_on = asyncio.Event(), asyncio.Event()
    yield opened
    await opened.close()


async def keep(inbox: SqliteInbox, clock: Clock) -> None:
    """A notification for the slow handler."""
    body = internal_body("ORDER_CHANGE", {}, clock())
    await inbox.accept([Entry(read_stored(body, 0), (Route("all", "slow"),), body, clock())])


async def leased_beyond(inbox: SqliteInbox, id_: int, moment: float) -> None:
    """Wait until a delivery's lease has been extended beyond a time."""

    async def extended() -> bool:
        delivery = await inbox.delivery(id_)
        return delivery is not None and (delivery.leased_until or 0) > moment

    await until(extended, 20)


async def runs(handler: Slow, count: int) -> None:
    async def begun() -> bool:
        return len(handler.runs) >= count

    await until(begun, 20)


async def ended(inbox: SqliteInbox, count: int) -> None:
    async def done() -> bool:
        states: dict[State, int] = await inbox.count(DeliveryFilter())
        return states == {State.DONE: count}

    await until(done, 20)


async def test_a_step_forward_takes_no_lease_from_a_daemon_that_lives(inbox: Late) -> None:
    """Leases end by the clock, but a daemon extends its own before it takes back any that have ended."""
    clock, handler = Clock(), Slow()
    await keep(inbox, clock)
    dispatcher = Dispatcher(inbox, {"slow": LaneSpec(handler)}, clock=clock, lease=0.3)
    await dispatcher.start()
    await runs(handler, 1)
    clock.error = 2 * HOUR
    await leased_beyond(inbox, 1, time.time() + HOUR)
    handler.release.set()
    await ended(inbox, 1)
    assert handler.runs == [1]
    assert [attempt.outcome for attempt in await inbox.attempts(1)] == ["done"]
    await dispatcher.stop(1)


async def test_a_step_forward_while_leases_are_extended_takes_none(inbox: Late) -> None:
    """Those that were just extended seem to have ended, as after a write that took longer than they last."""
    clock, handler = Clock(), Slow()

    def step() -> None:
        clock.error = 2 * HOUR

    inbox.meanwhile = step
    await keep(inbox, clock)
    dispatcher = Dispatcher(inbox, {"slow": LaneSpec(handler)}, clock=clock, lease=0.9)
    await dispatcher.start()
    await runs(handler, 1)
    await leased_beyond(inbox, 1, time.time() + HOUR)
    handler.release.set()
    await ended(inbox, 1)
    assert handler.runs == [1]
    assert [attempt.outcome for attempt in await inbox.attempts(1)] == ["done"]
    await dispatcher.stop(1)


async def test_a_step_forward_takes_no_lease_whose_claim_is_under_way(inbox: Late) -> None:
    """Claimed before the step, heard of after it: the lease seems to have ended, but is this daemon's own."""
    clock, handler = Clock(), Slow()
    await keep(inbox, clock)
    dispatcher = Dispatcher(inbox, {"slow": LaneSpec(handler)}, clock=clock, lease=3.0)
    await dispatcher.start()
    await runs(handler, 1)
    inbox.hold_up = True
    await keep(inbox, clock)
    dispatcher.wake(["slow"])
    await inbox.held_up.wait()
    clock.error = 2 * HOUR
    await leased_beyond(inbox, 1, time.time() + HOUR)
    await asyncio.sleep(0.05)
    inbox.go_on.set()
    await runs(handler, 2)
    handler.release.set()
    await ended(inbox, 2)
    assert handler.runs == [1, 2]
    assert [attempt.outcome for attempt in await inbox.attempts(2)] == ["done"]
    await dispatcher.stop(1)
