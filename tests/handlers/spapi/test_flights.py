"""One piece of work at a time, shared by all who ask."""

import asyncio

import pytest

from handlers.spapi.flights import Flights


async def test_all_who_ask_meanwhile_share_one_outcome() -> None:
    flights, started, go = Flights[int](), 0, asyncio.Event()

    async def work() -> int:
        nonlocal started
        started += 1
        mine = started
        await go.wait()
        return mine

    joined = [asyncio.create_task(flights.join("k", work)) for _ in range(20)]
    other = asyncio.create_task(flights.join("other", work))
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*joined) == [1] * 20
    assert await other == 2
    assert await flights.join("k", work) == 3


async def test_one_who_gives_up_does_not_stop_the_work_for_the_others() -> None:
    flights, go = Flights[str](), asyncio.Event()

    async def work() -> str:
        await go.wait()
        return "done"

    first = asyncio.create_task(flights.join("k", work))
    second = asyncio.create_task(flights.join("k", work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go.set()
    assert await second == "done"


async def test_a_failure_is_shared_and_not_kept() -> None:
    flights, failing = Flights[str](), True

    async def work() -> str:
        await asyncio.sleep(0)
        if failing:
            raise RuntimeError("no")
        return "done"

    outcomes = await asyncio.gather(*(flights.join("k", work) for _ in range(3)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["no"] * 3
    failing = False
    assert await flights.join("k", work) == "done"


async def test_closing_ends_what_is_under_way() -> None:
    flights = Flights[None]()
    waiting = asyncio.create_task(flights.join("k", asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
