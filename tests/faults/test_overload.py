"""More pushes than the daemon can take: 503 in time, memory and health as ever, and normal again at once."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from receiver.simulators.sns.load import Pace
from tests.faults.process import Process
from tests.faults.record import Told
from tests.faults.scene import Scene
from tests.faults.storm import shot, storm

SENDERS = 3000
MESSAGES = 6000


class Observer:
    """Looks at the daemon again and again: its memory, and whether it says that it lives."""

    def __init__(self, scene: Scene, process: Process) -> None:
        self._scene = scene
        self._process = process
        self.resident: list[int] = []
        self.health: list[float] = []
        self.failures: list[str] = []

    async def run(self) -> None:
        """Observe until cancelled."""
        while True:
            self.resident.append(self._process.resident >> 20)
            started = time.perf_counter()
            try:
                answer = await self._scene.page("/healthz")
            except (aiohttp.ClientError, TimeoutError) as error:
                self.failures.append(repr(error))
            else:
                self.failures += [str(answer)] if answer[0] != 200 else []
            self.health.append(time.perf_counter() - started)
            await asyncio.sleep(0.2)


@pytest.mark.slow
async def test_many_times_the_capacity(scene: Scene, figures: Any) -> None:
    process = await scene.start()
    started = time.perf_counter()
    await scene.send(scene.messages(2000), pace=Pace(64))
    capacity = 2100 / (time.perf_counter() - started)
    await scene.settled()
    before = process.resident >> 20
    planned = list(scene.messages(MESSAGES, 0))
    shots = await asyncio.to_thread(lambda: [shot(each, scene.push(each), scene.endpoint) for each in planned])
    observer = Observer(scene, process)
    observing = asyncio.create_task(observer.run())
    answers, seconds = await storm(scene.endpoint, shots, SENDERS)
    for each in answers:
        scene.told.add(each)
    observing.cancel()
    with suppress(asyncio.CancelledError):
        await observing
    statuses = Counter(each.status for each in answers)
    figures.add(
        f"{len(answers) / seconds:.0f} pushes a second from {SENDERS} senders against a capacity of {capacity:.0f}: "
        f"answered {dict(statuses)}; 503 after {spread(answers, 503)}, 200 after {spread(answers, 200)}; "
        f"health after {max(observer.health):.2f} s at most; "
        f"memory {before} MiB before, {max(observer.resident)} MiB at most"
    )
    assert statuses.keys() <= {200, 503}, "a sender waited in vain"
    assert observer.failures == []
    assert max(observer.resident) < before + 150
    assert (await scene.once(next(scene.messages(1)))).status == 200
    await scene.send(planned)
    figures.add(await scene.finish())


def spread(answers: list[Told], status: int) -> str:
    """Median and 99th percentile of the time to answers of a status."""
    times = [each.seconds for each in answers if each.status == status]
    if len(times) < 2:
        return "never"
    cuts = statistics.quantiles(times, n=100)
    return f"{cuts[49]:.2f} s (99 %: {cuts[98]:.2f} s)"


@pytest.mark.parametrize(("bound", "value"), [("most_in_flight", 3), ("most_bytes", 10_000)])
async def test_what_is_too_much_at_once_is_asked_to_come_again(
    start_router: Any, write_rules: Callable[..., str], sns: Any, bound: str, value: int
) -> None:
    router = await start_router(
        write_rules('[handlers.log]\ntype = "log"\n[[rules]]\nname = "a"\nhandlers = ["log"]\n')
    )
    setattr(router.parts.ingest, bound, value)
    message = {"NotificationType": "ORDER_CHANGE", "Payload": {"Padding": "x" * 2000}}
    answers = await asyncio.gather(*(sns.publish(router.url, message) for _ in range(30)))
    assert {each.status for each in answers} == {200, 503}
    assert {"overload" in each.text for each in answers if each.status == 503} == {True}
    assert (await sns.publish(router.url, message)).status == 200
    assert (await sns.publish(router.url, message | {"Padding": "x" * 20_000})).status == 200, (
        "alone, any size is taken"
    )
