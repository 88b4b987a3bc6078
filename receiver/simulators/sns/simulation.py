"""A whole simulation: confirm the subscription, send what was planned, count what came of it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from receiver.simulators.sns.load import Pace, send_all
from receiver.simulators.sns.messages import Push
from receiver.simulators.sns.plan import Planned, Spec, plan
from receiver.simulators.sns.report import Summary, Tally
from receiver.simulators.sns.sender import Answer
from receiver.simulators.sns.simulated import SimulatedSns

Watch = Callable[[Planned, Answer], None]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to send to which endpoint, and how fast."""

    endpoint: str
    spec: Spec
    pace: Pace
    seed: int | None = None
    """Makes the plan the same each time, times aside."""
    confirm_within: float | None = 10.0
    """How many seconds the endpoint has to confirm its subscription first; None sends no confirmation."""


async def simulate(sns: SimulatedSns, simulation: Simulation, watch: Watch, stop: asyncio.Event) -> Summary | None:
    """Run a simulation until all is delivered or `stop` is set; None where it was stopped before anything was sent.

    `watch` hears of every message as it is delivered or given up. Raises NotConfirmed.
    """
    clock = asyncio.get_running_loop().time
    within = simulation.confirm_within
    if within is not None and not await _unless(stop, sns.subscribe(simulation.endpoint, within=within)):
        return None
    tally, start = Tally(), clock()

    def record(planned: Planned, answer: Answer) -> None:
        tally.add(planned, answer)
        watch(planned, answer)

    await _unless(stop, _send(sns, simulation, record))
    return tally.summary(clock() - start)


async def _send(sns: SimulatedSns, simulation: Simulation, record: Watch) -> None:
    topic, endpoint = sns.messages(), simulation.endpoint
    subscription = sns.subscription_arn(endpoint)
    messages = plan(simulation.spec, Random(simulation.seed), sns.clock)  # noqa: S311 - repeatable, guards nothing

    def prepare(planned: Planned) -> Push:
        return topic.notification(
            planned.message, subscription=subscription, sent_at=planned.sent_at, message_id=planned.message_id
        )

    await send_all(messages, prepare, lambda push: sns.deliver(endpoint, push), simulation.pace, record)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Any]) -> bool:
    """Do the work, and say whether it ended before `stop` was set. What it raises is raised."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        return task.done()
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
