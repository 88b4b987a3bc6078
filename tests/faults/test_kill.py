"""SIGKILL at random instants, restart, resend of what got no 200: nothing acknowledged is lost."""

import asyncio
from typing import Any

import pytest

from receiver.simulators.sns.load import Pace
from tests.faults.scene import Scene


async def test_a_run_of_2000_messages_survives_kills(scene: Scene, figures: Any) -> None:
    count = 2000
    await scene.start()
    sending = scene.sending(scene.messages(count))
    for at in sorted(scene.random.sample(range(50, count), 3)):
        await scene.acknowledged(at)
        await asyncio.sleep(scene.random.uniform(0, 0.05))
        await scene.kill()
        await scene.start()
    await sending
    report = await scene.finish()
    figures.add(report)
    assert (report.acknowledged, report.kills, report.lost) == (report.sent, 3, 0)
    assert report.delivered == report.kept == count


@pytest.mark.slow
async def test_200_rounds_of_kills_under_load(scene: Scene, figures: Any) -> None:
    """Kills also fall into the start, before the daemon is ready."""
    rounds = 200
    await scene.start()
    sending = scene.sending(scene.messages(rounds * 100), pace=Pace(16, 100), within=3000)
    for _ in range(rounds):
        await asyncio.sleep(scene.random.uniform(0, 2.5))
        await scene.kill()
        await scene.launch()
        if scene.random.random() < 0.8:
            await scene.ready()
    await scene.ready()
    await sending
    report = await scene.finish()
    figures.add(report)
    assert (report.kills, report.lost) == (rounds, 0)
