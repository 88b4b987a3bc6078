import asyncio
import os
import signal
from pathlib import Path

import pytest

from receiver.demo import Audience, Options, Scene, Step, run
from receiver.simulators.errors import SimulationError


def children() -> set[int]:
    """Processes that this one started and that live."""
    return {int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()}


class Watcher:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.before = children()
        self.scenes: list[Scene] = []
        self.steps: list[Step] = []
        self.complaints: list[str] = []
        self.enough = asyncio.Event()
        self.audience = Audience(self.scenes.append, self.tell, self.complaints.append)

    def tell(self, step: Step) -> None:
        self.steps.append(step)
        if len(self.steps) == 5:
            self.enough.set()

    def daemon(self) -> int:
        (pid,) = children() - self.before
        return pid


async def test_every_notification_arrives_exactly_once_with_repeats_on() -> None:
    watcher = Watcher()
    verdict = await run(Options(count=60, duplicates=0.5), watcher.audience, asyncio.Event())
    assert verdict.good
    assert (verdict.notifications, verdict.pushes, verdict.once) == (60, 90, 60)
    assert watcher.complaints == []
    assert len(watcher.steps) == 90
    assert not watcher.scenes[0].rules.exists()
    assert children() == watcher.before


async def test_stopped_it_ends_what_was_begun(tmp_path: Path) -> None:
    watcher, stop = Watcher(), asyncio.Event()
    task = asyncio.create_task(run(Options(rate=100.0, directory=tmp_path / "d"), watcher.audience, stop))
    await watcher.enough.wait()
    stop.set()
    verdict = await task
    assert verdict.notifications >= 5 - verdict.repeats
    assert (verdict.more, verdict.missing, verdict.not_taken) == (0, (), 0)
    assert (tmp_path / "d" / "inbox.db").exists()
    assert children() == watcher.before


async def test_a_daemon_that_is_killed_is_noticed() -> None:
    watcher = Watcher()
    task = asyncio.create_task(run(Options(rate=50.0), watcher.audience, asyncio.Event()))
    await watcher.enough.wait()
    os.kill(watcher.daemon(), signal.SIGKILL)
    with pytest.raises(SimulationError, match=r"the daemon ended by itself \(exit status -9\); its last words"):
        await task


async def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulationError, match="cannot be made: Not a directory"):
        await run(Options(directory=tmp_path / "file" / "d"), Watcher().audience, asyncio.Event())
