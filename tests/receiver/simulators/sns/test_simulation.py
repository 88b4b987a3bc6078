import asyncio
from typing import Any

import pytest

from receiver.simulators.sns import NotConfirmed, SimulatedSns
from receiver.simulators.sns.examples import load
from receiver.simulators.sns.load import Pace
from receiver.simulators.sns.plan import Planned, Spec
from receiver.simulators.sns.sender import Answer
from receiver.simulators.sns.simulation import Simulation, simulate


def nobody(_planned: Planned, _answer: Answer) -> None:
    """Watch nothing."""


async def test_everything_planned_arrives(endpoint: Any) -> None:
    watched: list[Planned] = []
    work = Simulation(endpoint.url, Spec(load(), 40, duplicates=0.25), Pace(8), seed=3)
    async with SimulatedSns() as sns:
        summary = await simulate(sns, work, lambda planned, _answer: watched.append(planned), asyncio.Event())
    assert summary is not None
    assert summary.complete
    assert (summary.sent, summary.repeats, summary.answers) == (50, 10, {"200": 50})
    assert endpoint.messages[0]["Type"] == "SubscriptionConfirmation"
    arrived = [message["MessageId"] for message in endpoint.of_type("Notification")]
    assert sorted(arrived) == sorted(planned.message_id for planned in watched)


async def test_the_same_seed_sends_the_same(endpoint: Any) -> None:
    work = Simulation(endpoint.url, Spec(load(), 10), Pace(1), seed=4, confirm_within=None)
    async with SimulatedSns() as sns:
        for _ in range(2):
            await simulate(sns, work, nobody, asyncio.Event())
    arrived = [message["MessageId"] for message in endpoint.messages]
    assert arrived[:10] == arrived[10:]
    assert len(set(arrived)) == 10


async def test_stopped_in_the_middle_it_says_what_was_done(endpoint: Any) -> None:
    stop = asyncio.Event()

    def enough(planned: Planned, _answer: Answer) -> None:
        if planned.number == 20:
            stop.set()

    work = Simulation(endpoint.url, Spec(load(), None), Pace(2))
    async with SimulatedSns() as sns:
        summary = await simulate(sns, work, enough, stop)
    assert summary is not None
    assert 19 <= summary.sent < 100
    assert summary.complete


async def test_stopped_before_the_confirmation_there_is_nothing_to_say(endpoint: Any) -> None:
    endpoint.confirms = False
    stop = asyncio.Event()
    work = Simulation(endpoint.url, Spec(load(), 5), Pace(), confirm_within=30)
    async with SimulatedSns() as sns:
        task = asyncio.create_task(simulate(sns, work, nobody, stop))
        await endpoint.wait_for(1)
        stop.set()
        assert await task is None
    assert endpoint.of_type("Notification") == []


async def test_what_is_not_confirmed_is_not_sent_to(endpoint: Any) -> None:
    endpoint.confirms = False
    work = Simulation(endpoint.url, Spec(load(), 5), Pace(), confirm_within=0.1)
    async with SimulatedSns() as sns:
        with pytest.raises(NotConfirmed):
            await simulate(sns, work, nobody, asyncio.Event())
    assert endpoint.of_type("Notification") == []
