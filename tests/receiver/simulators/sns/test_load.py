import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from receiver.simulators.sns.load import Pace, send_all
from receiver.simulators.sns.messages import Push
from receiver.simulators.sns.plan import Planned
from receiver.simulators.sns.sender import Answer

TAKEN = Answer(200, "", 0.001)


def messages(number: int) -> list[Planned]:
    return [Planned(n, "T", str(n), "", str(n), 0.0) for n in range(number)]


def prepare(planned: Planned) -> Push:
    return Push(planned.message_id, {}, b"")


@pytest.mark.parametrize("concurrency", [1, 3, 16])
@pytest.mark.parametrize("number", [0, 1, 2, 63, 64, 65, 500])
async def test_every_message_is_delivered_once(number: int, concurrency: int) -> None:
    delivered: list[str] = []
    recorded: list[int] = []

    async def deliver(push: Push) -> Answer:
        delivered.append(push.message_id)
        await asyncio.sleep(0)
        return TAKEN

    await send_all(
        messages(number), prepare, deliver, Pace(concurrency), lambda planned, _answer: recorded.append(planned.number)
    )
    assert sorted(recorded) == list(range(number))
    assert delivered == [str(n) for n in range(number)]


async def test_no_more_are_under_way_than_allowed_and_all_places_are_used() -> None:
    under_way, most, full = 0, 0, asyncio.Event()

    async def deliver(_push: Push) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 7:
            full.set()
        async with asyncio.timeout(10):
            await full.wait()
        under_way -= 1
        return TAKEN

    await send_all(messages(50), prepare, deliver, Pace(7), lambda _planned, _answer: None)
    assert most == 7


async def test_the_rate_is_kept() -> None:
    clock = asyncio.get_running_loop().time
    begun: list[float] = []

    async def deliver(_push: Push) -> Answer:
        begun.append(clock())
        return TAKEN

    await send_all(messages(20), prepare, deliver, Pace(16, rate=200), lambda _planned, _answer: None)
    assert begun[-1] - begun[0] >= 19 / 200 - 0.01


async def test_endless_messages_are_made_only_a_little_ahead() -> None:
    made: list[int] = []
    busy, release = asyncio.Event(), asyncio.Event()

    def endless() -> Iterator[Planned]:
        for number in count():
            made.append(number)
            yield Planned(number, "T", "", "", "", 0.0)

    async def deliver(_push: Push) -> Answer:
        busy.set()
        await release.wait()
        return TAKEN

    task = asyncio.create_task(send_all(endless(), prepare, deliver, Pace(4), lambda _planned, _answer: None))
    async with asyncio.timeout(10):
        await busy.wait()
    done, _ = await asyncio.wait({task}, timeout=0.3)
    assert not done
    assert len(made) <= 4 + 64 + 2 * 16
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("place", ["prepare", "deliver"])
async def test_an_error_ends_it(place: str) -> None:
    def broken_prepare(planned: Planned) -> Push:
        if place == "prepare" and planned.number == 30:
            raise ZeroDivisionError
        return prepare(planned)

    async def deliver(push: Push) -> Answer:
        if place == "deliver" and push.message_id == "30":
            raise ZeroDivisionError
        return TAKEN

    with pytest.raises(ExceptionGroup) as error:
        await send_all(messages(100), broken_prepare, deliver, Pace(4), lambda _planned, _answer: None)
    assert error.group_contains(ZeroDivisionError)


def test_little_is_signed_ahead_at_a_low_rate() -> None:
    assert Pace(rate=1.0).ahead == 1
    assert Pace(rate=20.0).ahead == 10
    assert Pace(rate=10_000.0).ahead == Pace().ahead == 64
