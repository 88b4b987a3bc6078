"""The dispatcher's life: start, restart, reload, stop; and an inbox that fails meanwhile."""

import asyncio
import logging
import time
from typing import Any

import pytest

from handlers.base import Delivery, Done, Outcome
from receiver.dispatcher import LaneSettings, LaneSpec, StartError
from receiver.errors import Unavailable
from receiver.events import facts_of
from receiver.inbox import DeliveryFilter, Finished, Result, Route, State

ROUTE = Route("rule", "erp")


def named(caplog: Any, name: str) -> list[dict[str, object]]:
    return [dict(facts_of(record)) for record in caplog.records if record.getMessage() == name]


def background_tasks() -> set[str]:
    current = asyncio.current_task()
    return {task.get_name() for task in asyncio.all_tasks() if task is not current}


async def test_handlers_are_started_and_closed_once_and_no_task_is_left(lab: Any, scripted: Any) -> None:
    handlers = [scripted(), scripted()]
    before = background_tasks()
    await lab.start(dict(zip("ab", handlers, strict=True)))
    assert {"lane of a", "lane of b", "recorder", "leases"} <= background_tasks()
    await lab.stop()
    assert [(each.started, each.closed) for each in handlers] == [(1, 1), (1, 1)]
    assert background_tasks() == before


async def test_a_handler_that_cannot_start_is_named_and_the_others_are_closed(lab: Any, scripted: Any) -> None:
    good, bad = scripted(), scripted(start=OSError("no such host"))
    with pytest.raises(StartError, match=r"handlers\.bad cannot be started: no such host"):
        await lab.start({"good": good, "bad": bad})
    assert good.closed == 1
    lab.dispatcher = None


async def test_a_restart_goes_on_where_the_last_run_stood(
    lab: Any, scripted: Any, entry: Any, number: Any, until: Any
) -> None:
    seen: list[int] = []

    async def hang_at_odd(delivery: Delivery) -> Outcome:
        if number(delivery) % 2:
            await asyncio.Event().wait()
        seen.append(number(delivery))
        return Done()

    await lab.start({"erp": LaneSpec(scripted(hang_at_odd), LaneSettings(concurrency=50))})
    await lab.push(*(entry(ROUTE, number=each) for each in range(20)))
    await until(lambda: len(seen) == 10)
    await lab.stop(grace=0.0)
    assert await lab.states() == {State.DONE: 10, State.WAITING: 10}
    handler = scripted()
    await lab.start({"erp": handler})
    await lab.settled(done=20)
    assert sorted(map(number, handler.deliveries)) == list(range(1, 20, 2))
    assert {delivery.attempt for delivery in handler.deliveries} == {1}


async def test_stopping_waits_for_what_runs(lab: Any, scripted: Any, entry: Any, until: Any) -> None:
    release = asyncio.Event()

    async def handle(_: Delivery) -> Outcome:
        await release.wait()
        return Done()

    handler = scripted(handle)
    dispatcher = await lab.start({"erp": LaneSpec(handler, LaneSettings(concurrency=3))})
    await lab.push(*(entry(ROUTE) for _ in range(10)))
    await until(lambda: handler.running == 3)
    stopping = asyncio.create_task(dispatcher.stop(20.0))
    await until(lambda: dispatcher.snapshot()["erp"].stopping)
    release.set()
    await stopping
    assert await lab.states() == {State.DONE: 3, State.WAITING: 7}
    assert handler.closed == 1


async def test_stopping_is_bounded_whatever_a_handler_does(
    lab: Any, scripted: Any, entry: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = asyncio.Event()

    async def handle(_: Delivery) -> Outcome:
        while not stubborn.is_set():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                continue
        return Done()

    handler = scripted(handle)
    await lab.start({"erp": LaneSpec(handler, LaneSettings(timeout=600.0))})
    await lab.push(entry(ROUTE))
    await until(lambda: handler.running == 1)
    with caplog.at_level(logging.WARNING):
        await lab.stop(grace=0.0)
    assert named(caplog, "deliveries_left_leased") == [{"deliveries": 1}]
    assert await lab.states() == {State.RUNNING: 1}
    stubborn.set()


async def test_deliveries_without_a_lane_stay_waiting_until_one_comes(lab: Any, scripted: Any, entry: Any) -> None:
    dispatcher = await lab.start({"other": scripted()})
    await lab.push(entry(ROUTE))
    handler = scripted()
    await dispatcher.replace(lab.specs({"erp": handler}))
    await lab.settled(done=1)
    assert set(dispatcher.snapshot()) == {"erp"}


async def test_a_reload_changes_handlers_and_settings_and_what_runs_ends_by_the_old(
    lab: Any, scripted: Any, entry: Any, until: Any
) -> None:
    release = asyncio.Event()

    async def handle(_: Delivery) -> Outcome:
        await release.wait()
        return Done(b"1")

    old, new, late = scripted(handle), scripted(), scripted()
    dispatcher = await lab.start({"erp": LaneSpec(old, LaneSettings(concurrency=1, then=("late",))), "late": late})
    await lab.push(entry(ROUTE), entry(ROUTE))
    await until(lambda: old.running == 1)
    await dispatcher.replace(lab.specs({"erp": LaneSpec(new, LaneSettings(concurrency=2)), "late": late}))
    await until(lambda: len(new.deliveries) == 1)
    assert old.closed == 0
    release.set()
    await lab.settled(done=3)
    await until(lambda: old.closed == 1)
    assert len(late.deliveries) == 1
    assert new.closed == 0


async def test_a_handler_that_is_gone_ends_what_runs_and_leaves_the_rest_waiting(
    lab: Any, scripted: Any, entry: Any, until: Any
) -> None:
    release = asyncio.Event()

    async def handle(_: Delivery) -> Outcome:
        await release.wait()
        return Done()

    old = scripted(handle)
    dispatcher = await lab.start({"erp": LaneSpec(old, LaneSettings(concurrency=1))})
    await lab.push(*(entry(ROUTE) for _ in range(5)))
    await until(lambda: old.running == 1)
    await dispatcher.replace({})
    assert dispatcher.snapshot() == {}
    release.set()
    await lab.settled(done=1, waiting=4)
    await until(lambda: old.closed == 1)


async def test_a_reload_that_fails_leaves_the_running_ones_alone(lab: Any, scripted: Any, entry: Any) -> None:
    old, new, bad = scripted(), scripted(), scripted(start=ValueError("bad key"))
    dispatcher = await lab.start({"erp": old})
    with pytest.raises(StartError, match="bad key"):
        await dispatcher.replace(lab.specs({"erp": new, "bad": bad}))
    assert (new.started, new.closed) == (1, 1)
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    assert len(old.deliveries) == 1
    assert set(dispatcher.snapshot()) == {"erp"}


async def test_work_of_another_process_is_found(lab: Any, scripted: Any, entry: Any, until: Any) -> None:
    handler = scripted()
    await lab.start({"erp": handler}, recheck=0.05)
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    if not hasattr(lab.inbox, "path"):
        pytest.skip("an inbox in memory has one process")
    beside = await type(lab.inbox).attach(lab.inbox.path)
    try:
        assert await beside.replay(DeliveryFilter(), time.time()) == 1
    finally:
        await beside.close()
    await until(lambda: len(handler.deliveries) == 2)
    await lab.settled(done=1)


class Failing:
    """An inbox whose named operations fail as often as told, then work."""

    def __init__(self, inbox: Any, **failures: list[Exception]) -> None:
        self._inbox = inbox
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._inbox, name)
        failures = self._failures.get(name)
        if failures is None:
            return operation

        async def failing(*arguments: object, **named_arguments: object) -> object:
            if failures:
                raise failures.pop()
            return await operation(*arguments, **named_arguments)

        return failing


def full() -> Unavailable:
    return Unavailable("inbox", "the disk is full")


@pytest.mark.parametrize("operation", ["claim", "next_due", "finish", "changed_elsewhere"])
async def test_an_inbox_that_cannot_work_for_a_while_delays_and_loses_nothing(
    lab: Any, scripted: Any, entry: Any, operation: Any, caplog: pytest.LogCaptureFixture
) -> None:
    handler = scripted()
    await lab.push(*(entry(ROUTE) for _ in range(10)))
    lab.inbox = Failing(lab.inbox, **{operation: [full(), full()]})
    await lab.start({"erp": handler}, recheck=0.02)
    await lab.settled(done=10)
    assert len(handler.deliveries) == 10
    if operation in {"claim", "finish"}:
        assert len(named(caplog, "inbox_unavailable")) == 1


async def test_a_lane_that_crashes_is_said_and_goes_on(
    lab: Any, scripted: Any, entry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lab.inbox = Failing(lab.inbox, claim=[RuntimeError("a fault")])
    await lab.start({"erp": scripted()})
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    assert named(caplog, "task_crashed") == [{"task": "lane of erp", "reason": "RuntimeError: a fault"}]


async def test_a_result_that_cannot_be_written_does_not_hold_up_the_others(
    lab: Any, scripted: Any, entry: Any, number: Any, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = lab.inbox

    class Picky(Failing):
        async def finish(self, results: list[Result]) -> Finished:
            if any(result.detail == "poison" for result in results):
                raise OverflowError("this cannot be stored")
            finished: Finished = await inbox.finish(results)
            return finished

    async def handle(delivery: Delivery) -> Outcome:
        return Done(detail="poison" if number(delivery) == 3 else "")

    lab.inbox = Picky(inbox)
    await lab.start({"erp": scripted(handle)})
    await lab.push(*(entry(ROUTE, number=each) for each in range(10)))
    await lab.settled(done=9, running=1)
    assert len(named(caplog, "result_not_written")) == 1


async def test_leases_that_ended_with_another_process_are_taken_back(
    lab: Any, scripted: Any, entry: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await lab.push(entry(ROUTE))
    await lab.inbox.recover(time.time())
    assert len(await lab.inbox.claim("erp", 1, time.time(), 0.2)) == 1

    class Later(Failing):
        async def recover(self, now: float) -> int:
            count: int = await self._inbox.recover(now)
            return count

    handler = scripted()
    lab.inbox = Later(lab.inbox)
    await lab.start({"erp": handler}, lease=0.15)
    await lab.settled(done=1)
    assert handler.deliveries[0].attempt == 2
    assert named(caplog, "deliveries_recovered")
