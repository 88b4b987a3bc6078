"""Time limits under one timer."""

import asyncio
import contextlib

import pytest

from receiver.dispatcher.limits import Limits

LONG = 600.0


async def endless(limits: Limits, seconds: float) -> bool:
    """Whether its limit was what ended it."""
    limit = limits.of(seconds)
    try:
        with limit:
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        return limit.expired
    return False


@pytest.mark.parametrize("order", [(LONG, 0.01), (0.01, LONG), (0.01, 0.02), (0.02, 0.01)])
async def test_each_ends_by_its_own_limit_whichever_began_first(order: tuple[float, ...]) -> None:
    limits = Limits()
    tasks = [asyncio.create_task(endless(limits, seconds)) for seconds in order]
    short = [task for task, seconds in zip(tasks, order, strict=True) if seconds < LONG]
    assert await asyncio.gather(*short) == [True] * len(short)
    for task in set(tasks) - set(short):
        assert not task.done()
        task.cancel()
        assert await task is False
    limits.close()


async def test_a_limit_begun_after_others_had_ended_holds() -> None:
    limits = Limits()
    with limits.of(0.01):
        pass
    assert await endless(limits, 0.02)
    assert await endless(limits, 0.01)


async def test_a_task_that_ended_in_time_is_left_alone_and_so_is_what_it_does_next() -> None:
    limits = Limits()
    with limits.of(0.01):
        await asyncio.sleep(0)
    await endless(limits, 0.03)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_task_that_takes_no_notice_is_not_taken_for_cancelled_afterwards() -> None:
    limits = Limits()
    limit = limits.of(0.01)
    with limit, contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert limit.expired
    assert task.cancelling() == 0


async def test_somebody_elses_cancelling_stays_known_beside_that_of_the_limit() -> None:
    limits = Limits()
    counted: list[int] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            with limits.of(0.01):
                try:
                    await asyncio.Event().wait()
                finally:
                    task.cancel()
        finally:
            counted.append(task.cancelling())

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())
    assert counted == [1]


async def test_closed_limits_leave_no_timer() -> None:
    limits = Limits()
    task = asyncio.create_task(endless(limits, 0.01))
    await asyncio.sleep(0)
    limits.close()
    await asyncio.sleep(0.03)
    assert not task.done()
    task.cancel()
    assert await task is False
