"""Deliveries that are handed out in the transaction that keeps their notification."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

import pytest

from handlers.base import Delivery, Done, Outcome, Retry
from receiver.dispatcher import BreakerPolicy, Dispatcher, LaneSettings, LaneSpec, RetryPolicy
from receiver.dispatcher.lane import Lane
from receiver.errors import Unavailable
from receiver.inbox import Claim, Inbox, Route, SqliteInbox, State, intake
from receiver.inbox.memory import MemoryInbox

ROUTE = Route("rule", "erp")


async def idle(dispatcher: Dispatcher, until: Any) -> None:
    """Wait until every lane has nothing due that it knows of."""
    await until(lambda: not any(lane.more or lane.running for lane in dispatcher.snapshot().values()))


async def rested(lab: Any, entry: Any, until: Any) -> None:
    """Deliver one, and wait until the looks of a start are over, the one for changes from elsewhere too."""
    await lab.inbox.accept([entry(ROUTE)])
    lab.dispatcher.wake(["erp"])
    await lab.settled(done=1)
    await idle(lab.dispatcher, until)


@pytest.fixture
async def file(tmp_path: Path) -> Any:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    yield inbox
    await inbox.close()


async def test_an_expected_delivery_runs_without_a_look_for_it(
    file: SqliteInbox, lab_of: Any, scripted: Any, entry: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, handler, other = lab_of(file), scripted(), scripted()
    dispatcher = await lab.start({"erp": handler, "crm": other}, recheck=600.0)
    await rested(lab, entry, until)
    looks: list[object] = []

    async def claim(*asked: object) -> list[Claim]:
        looks.append(asked)
        return []

    monkeypatch.setattr(file, "claim", claim)
    commits: list[int] = []
    file.commits.observe = lambda jobs, _seconds: commits.append(jobs)
    keeping = file.submit(intake.accept, [entry(ROUTE)])
    keeping.add_done_callback(lambda kept: dispatcher.wake(kept.result()[0].handlers))
    dispatcher.expect()
    await lab.settled(done=2)
    assert len(handler.deliveries) == 2
    assert not other.deliveries
    assert commits[0] == 2, "kept and handed out in one transaction"
    await idle(dispatcher, until)
    assert not looks
    await lab.stop()


async def test_more_than_there_is_room_for_runs_all_the_same(
    lab: Any, scripted: Any, entry: Any, number: Any, until: Any
) -> None:
    handler = scripted()
    dispatcher = await lab.start({"erp": LaneSpec(handler, LaneSettings(concurrency=2))})
    await idle(dispatcher, until)
    for first in range(0, 30, 5):
        await lab.push(*(entry(ROUTE, number=each) for each in range(first, first + 5)))
    await lab.settled(done=30)
    assert sorted(map(number, handler.deliveries)) == list(range(30))
    assert handler.most_running <= 2


async def test_a_lane_expects_nothing_behind_an_open_breaker_or_a_spent_rate(
    lab: Any, scripted: Any, entry: Any, until: Any
) -> None:
    async def handle(_: Delivery) -> Outcome:
        return Retry("down")

    breaker = BreakerPolicy(calls=1, open_for=250.0)
    dispatcher = await lab.start(
        {
            "erp": LaneSpec(scripted(handle), LaneSettings(breaker=breaker, retry=RetryPolicy(attempts=9))),
            "crm": LaneSpec(scripted(), LaneSettings(rate=0.001, burst=1)),
        }
    )
    await idle(dispatcher, until)
    for _ in range(3):
        await lab.push(entry(ROUTE), entry(Route("rule", "crm")))
    await until(lambda: dispatcher.snapshot()["erp"].breaker == "open")
    await lab.settled(waiting=5, done=1)


class Slow:
    """An inbox whose answer to what was expected comes when it is let go."""

    def __init__(self, inbox: Inbox, error: Exception | None = None) -> None:
        self._inbox = inbox
        self._error = error
        self.go = asyncio.Event()
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inbox, name)

    def claim_fresh(self, limits: Mapping[str, int], now: float, lease: float) -> Awaitable[list[Claim]]:
        self.asked += 1
        return self._refuse(self._error) if self._error else self._later(self._inbox.claim_fresh(limits, now, lease))

    async def _later(self, claims: Awaitable[list[Claim]]) -> list[Claim]:
        claimed = await claims
        await self.go.wait()
        return claimed

    async def _refuse(self, error: Exception) -> list[Claim]:
        raise error


async def test_what_comes_after_the_end_was_asked_for_is_handed_back_unrun(
    inbox: Inbox, lab_of: Any, scripted: Any, entry: Any, until: Any
) -> None:
    slow, handler = Slow(inbox), scripted()
    lab = lab_of(slow)
    dispatcher = await lab.start({"erp": handler}, recheck=600.0)
    await rested(lab, entry, until)
    accepted = await inbox.accept([entry(ROUTE)])
    dispatcher.expect()
    dispatcher.expect()
    assert slow.asked == 1, "one order at a time"
    assert accepted[0].handlers == ("erp",)
    stopping = asyncio.create_task(lab.stop())
    await until(lambda: dispatcher.snapshot()["erp"].stopping)
    assert not stopping.done()
    slow.go.set()
    await stopping
    assert len(handler.deliveries) == 1
    row = await inbox.delivery(2)
    assert row is not None
    assert (row.state, row.attempts) == (State.WAITING, 0)


async def test_an_inbox_that_cannot_hand_out_what_it_keeps_delays_and_loses_nothing(
    inbox: Inbox, lab_of: Any, scripted: Any, entry: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    slow, handler = Slow(inbox, Unavailable("disk", "full")), scripted()
    lab = lab_of(slow)
    dispatcher = await lab.start({"erp": handler}, recheck=600.0)
    await idle(dispatcher, until)
    await rested(lab, entry, until)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            await idle(dispatcher, until)
            await lab.push(entry(ROUTE))
        await lab.settled(done=5)
    assert slow.asked
    assert not caplog.records
    await lab.stop()


async def test_a_fault_of_one_lane_leaves_no_other_waiting_for_its_share(
    inbox: Inbox, lab_of: Any, scripted: Any, entry: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, failed = Lane.receive, []

    def faulty(lane: Lane, claims: list[Claim]) -> None:
        if lane.name in {"a", "c"} and not failed.count(lane.name):
            failed.append(lane.name)
            lane.expect(0)
            raise RuntimeError("a fault of the program")
        receive(lane, claims)

    monkeypatch.setattr(Lane, "receive", faulty)
    lab, names = lab_of(inbox), "abc"
    dispatcher = await lab.start({name: scripted() for name in names}, recheck=600.0)
    await lab.inbox.accept([entry(*(Route("rule", name) for name in names))])
    dispatcher.wake(names)
    await lab.settled(done=3)
    await idle(dispatcher, until)
    keeping = asyncio.ensure_future(inbox.accept([entry(Route("rule", "b"))]))
    await asyncio.sleep(0)
    dispatcher.expect()
    dispatcher.wake((await keeping)[0].handlers)
    await until(lambda: sorted(failed) == ["a", "c"])
    await lab.settled(done=4)
    await lab.stop()


async def test_a_lane_that_could_not_claim_expects_nothing(
    inbox: Inbox, lab_of: Any, scripted: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps it from claiming, a damaged page for instance, would keep a push from being taken, too."""
    slow, refused = Slow(inbox), asyncio.Event()

    async def claim(*_: object) -> list[Claim]:
        refused.set()
        raise Unavailable("inbox_corrupt", "damaged")

    monkeypatch.setattr(inbox, "claim", claim)
    lab = lab_of(slow)
    dispatcher = await lab.start({"erp": scripted()}, recheck=600.0)
    await refused.wait()
    await until(lambda: dispatcher.snapshot()["erp"].more)
    dispatcher.expect()
    assert not slow.asked
    await lab.stop(0)


async def test_a_delivery_that_falls_due_while_others_are_at_hand_is_not_forgotten(
    file: SqliteInbox, lab_of: Any, scripted: Any, entry: Any, number: Any, until: Any
) -> None:
    tries: list[float] = []

    async def handle(delivery: Delivery) -> Outcome:
        await asyncio.sleep(0.013)
        if number(delivery) != 99:
            return Done()
        tries.append(time.monotonic())
        return Retry("later", after=1.0) if len(tries) == 1 else Done()

    lab = lab_of(file)
    dispatcher = await lab.start({"erp": LaneSpec(scripted(handle), LaneSettings(concurrency=1))})
    for each in (*range(30), 99):
        await lab.push(entry(ROUTE, number=each))
        await until(lambda: not any(lane.running or lane.waiting for lane in dispatcher.snapshot().values()))
    await idle(dispatcher, until)
    keeping = file.submit(intake.accept, [entry(*(Route(f"rule {each}", "erp") for each in range(3)))])
    keeping.add_done_callback(lambda kept: dispatcher.wake(kept.result()[0].handlers))
    dispatcher.expect()
    await lab.settled(done=34)
    assert tries[1] - tries[0] < 10.0
    await lab.stop()


def test_what_comes_as_expected_keeps_to_rate_and_order(skipping: Any, lab_of: Any, scripted: Any, entry: Any) -> None:
    """In a memory inbox, where what is expected is handed out at once."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        starts: list[float] = []

        async def handle(_: Delivery) -> Outcome:
            starts.append(loop.time())
            await asyncio.sleep(0.3)
            return Done()

        lab = lab_of(MemoryInbox())
        settings = LaneSettings(concurrency=3, rate=2.0, burst=2)
        await lab.start({"erp": LaneSpec(scripted(handle), settings)}, clock=loop.time)
        for each in range(60):
            await lab.push(entry(ROUTE, number=each, received_at=loop.time()))
            await asyncio.sleep(0.4)
        while set(await lab.states()) != {State.DONE}:
            await asyncio.sleep(1.0)
        await lab.stop()
        assert len(starts) == 60
        for place in range(58):
            assert starts[place + 2] - starts[place] >= 0.5 - 1e-3
        assert starts[-1] - starts[0] <= 31.0

    skipping(story())
