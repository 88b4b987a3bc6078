"""A daemon without descriptors, without memory, and frozen."""

import asyncio
import resource
import signal
from contextlib import AsyncExitStack
from typing import Any

import pytest

from receiver.simulators.sns.load import Pace
from tests.faults.process import addressed
from tests.faults.scene import Scene, until

DESCRIPTORS = 48


async def connect(scene: Scene) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = scene.endpoint.removeprefix("http://").removesuffix("/sns").rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


async def test_out_of_file_descriptors(scene: Scene, figures: Any) -> None:
    """Idle connections take up all of them; once these are gone, pushes are taken without a restart."""
    process = await scene.start({resource.RLIMIT_NOFILE: DESCRIPTORS})
    async with AsyncExitStack() as stack:
        for _ in range(3 * DESCRIPTORS):
            _, writer = await connect(scene)
            stack.callback(writer.close)
        await until(lambda: asyncio.to_thread(lambda: process.descriptors >= DESCRIPTORS), 20)
        sending = scene.sending(scene.messages(100), pace=Pace(4))
        await scene.told_status(None, within=30)
    await sending
    figures.add(await scene.finish())


@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.slow)])
async def test_frozen_under_load(scene: Scene, seconds: int, figures: Any) -> None:
    """SIGSTOP, as a paused virtual machine has it. Senders that waited in vain send again."""
    process = await scene.start()
    sending = scene.sending(scene.messages(600), within=120)
    await scene.acknowledged(100)
    process.send(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    process.send(signal.SIGCONT)
    await sending
    figures.add(await scene.finish())


@pytest.mark.parametrize("half", ["pid", "writer"])
async def test_memory_that_ends(scene: Scene, half: str, figures: Any) -> None:
    """One half's address space may not grow any more: it may answer 503, hang up or even die, but loses nothing.

    Nor is a genuine push refused for good because it could not be read for want of memory.
    """
    process = await scene.start()
    await scene.send(scene.messages(100))
    await scene.settled()
    pid = getattr(process, half)
    resource.prlimit(pid, resource.RLIMIT_AS, (addressed(pid) + (8 << 20), resource.RLIM_INFINITY))
    scene.supervised()
    large = [scene.padded(each, 240_000) for each in scene.messages(100, 0)]
    answers = await asyncio.gather(*(scene.once(each) for each in large))
    assert {each.status for each in answers} != {200}, "there was memory enough: the test proves nothing"
    if process.running:
        process.lift(resource.RLIMIT_AS)
    await scene.send(large)
    figures.add(await scene.finish())


@pytest.mark.slow
async def test_memory_stays_flat(scene: Scene, figures: Any) -> None:
    """The second half of 20,000 messages needs no more memory than the first."""
    process = await scene.start()
    sizes: list[int] = []
    for _ in range(10):
        await scene.send(scene.messages(2000), within=120)
        await scene.settled()
        sizes.append(process.resident >> 20)
    figures.add(f"resident MiB after each 2,000 messages: {sizes}")
    assert max(sizes[5:]) <= max(sizes[:5]) + 16, sizes
    figures.add(await scene.finish())
