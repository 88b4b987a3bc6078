"""A clock that is set while the daemon runs: nothing is lost, and nothing runs twice."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from handlers.base import Delivery, Done, Handler, HandlerContext, HandlerSettings, Outcome
from receiver.dispatcher import Dispatcher, LaneSpec
from receiver.inbox import DeliveryFilter, Entry, Route, State
from receiver.inbox.sqlite import SqliteInbox
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
    await sink.wait_for(count, within=20)
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
        self.runs = 0
        self.release = asyncio.Event()

    async def handle(self, delivery: Delivery) -> Outcome:
        """One run."""
        self.runs += 1
        await self.release.wait()
        return Done()


async def test_a_step_forward_takes_no_lease_from_a_daemon_that_lives(tmp_path: Path) -> None:
    """Leases end by the clock, but a daemon extends its own before it takes back any that have ended."""
    clock, handler = Clock(), Slow()
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    body = internal_body("ORDER_CHANGE", {}, clock())
    await inbox.accept([Entry(read_stored(body, 0), (Route("all", "slow"),), body, clock())])
    dispatcher = Dispatcher(inbox, {"slow": LaneSpec(handler)}, clock=clock, lease=0.3)
    await dispatcher.start()

    async def runs() -> bool:
        return handler.runs > 0

    async def extended() -> bool:
        (delivery,) = await inbox.deliveries(DeliveryFilter())
        return (delivery.leased_until or 0) > time.time() + HOUR

    await until(runs, 10)
    clock.error = 2 * HOUR
    await until(extended, 10)
    handler.release.set()

    async def done() -> bool:
        return await inbox.count(DeliveryFilter()) == {State.DONE: 1}

    await until(done, 10)
    assert handler.runs == 1
    assert [attempt.outcome for attempt in await inbox.attempts(1)] == ["done"]
    await dispatcher.stop(1)
    await inbox.close()
