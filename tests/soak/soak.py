"""A steady rate for a long time on the real daemon, with faults: all is judged at the end."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from receiver.simulators.sink import Behaviour
from receiver.simulators.sns.load import Pace
from receiver.simulators.sns.plan import Planned
from tests.faults.check import Report
from tests.faults.process import ProcessEnded
from tests.faults.scene import Rules, Scene
from tests.soak.flatness import Allowance, Trend, trend
from tests.soak.ledger import judge
from tests.soak.samples import Ear, Sample, Sampler
from tests.soak.troubles import JUDGED, Spell, Trouble, is_quiet, spells

_SENDERS = 32
_KEPT = 1 / 15
"""The share of the soak that a notification is kept, and half of which passes between two prunings."""
_LOOKS = 360
_CHUNK = 8 << 20
_PATIENCE = 5
_QUANTITIES: tuple[tuple[str, str, Allowance], ...] = (
    ("memory", "MiB", Allowance(0.08, 8.0)),
    ("descriptors", "", Allowance(0.0, 4.0)),
    ("threads", "", Allowance(0.0, 1.0)),
    ("database", "MiB", Allowance(0.15, 4.0)),
    ("p50", "ms", Allowance(1.00, 2.0)),
    ("p99", "ms", Allowance(1.00, 10.0)),
)


@dataclass(slots=True)
class Outcome:
    """What a soak found."""

    report: Report
    trends: list[Trend]
    samples: list[Sample]
    troubles: list[Spell] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost and everything stayed flat."""
        return not self.report.problems and not self.report.lost and all(each.flat for each in self.trends)


class Soak:
    """One soak of `seconds` at `rate` pushes a second in a directory of its own."""

    def __init__(self, directory: Path, seconds: float, rate: float, seed: int) -> None:
        self._scene = Scene(directory, seed)
        self._directory = directory
        self._seconds = seconds
        self._rate = rate
        self._plan = spells(seconds)
        self._life = 0
        self._ends_at = 0.0

    async def run(self, say: Callable[[str], None] = lambda _text: None) -> Outcome:
        """Soak, wait until all is delivered, and judge."""
        scene = self._scene
        scene.told.close()
        ear = scene.told = Ear(self._directory / "told.jsonl")
        async with scene:
            scene.write(Rules())
            await scene.start()
            sampler = Sampler(scene.database, ear, self._directory / "samples.jsonl")
            self._ends_at = time.monotonic() + self._seconds
            beside = [self._look(sampler, say), self._prune(), *(self._trouble(each, sampler) for each in self._plan)]
            tasks = [asyncio.create_task(each) for each in beside]
            try:
                await scene.send(self._messages(), pace=Pace(_SENDERS, self._rate), within=self._seconds + 300)
                _raise_first(tasks)
            finally:
                await _end(tasks)
            return await self._judged(sampler)

    async def _judged(self, sampler: Sampler) -> Outcome:
        scene = self._scene
        sampler.close()
        await scene.settled(within=300)
        status = await scene.process.stop()
        report = judge(scene.database, scene.told.path, scene.arrived.path, rule="all", handler="erp")
        if status:
            raise RuntimeError(f"the daemon ended with status {status}")
        return Outcome(report, trends(sampler.samples, self._seconds), sampler.samples, self._plan)

    def _messages(self) -> "_Until":
        return _Until(self._scene, self._ends_at)

    async def _look(self, sampler: Sampler, say: Callable[[str], None]) -> None:
        before = 0.0
        for number in count(1):
            await asyncio.sleep(self._seconds / _LOOKS)
            quiet = is_quiet(self._plan, before, sampler.elapsed, self._seconds)
            before = sampler.elapsed
            sampler.take(self._scene.process.pid, self._life, quiet)
            if number % (_LOOKS // 30) == 0 and sampler.samples:
                say(f"{before / self._seconds:4.0%} {sampler.samples[-1]}")

    async def _trouble(self, spell: Spell, sampler: Sampler) -> None:
        await asyncio.sleep(max(spell.start - sampler.elapsed, 0.0))
        length = spell.end - spell.start
        if spell.trouble is Trouble.KILL:
            await self._scene.kill()
            self._life += 1
            await self._start_again()
        elif spell.trouble is Trouble.SINK:
            self._scene.sink.behave(Behaviour(status=503, body="down for a moment"))
            await asyncio.sleep(length)
            self._scene.sink.behave(Behaviour())
        else:
            await asyncio.to_thread(_press, self._directory / "pressure", time.monotonic() + length)

    async def _start_again(self) -> None:
        """Start the daemon, however long it takes on a busy machine. Raises ProcessEnded where it ends instead."""
        await self._scene.launch()
        for _ in range(_PATIENCE):
            with suppress(ProcessEnded):
                await self._scene.ready()
                return
            if not self._scene.process.running:
                break
        raise self._scene.process.failure("it does not start")

    async def _prune(self) -> None:
        """What an operator's timer does beside the daemon: forget what is older than the soak keeps."""
        kept = self._seconds * _KEPT
        command = (sys.executable, "-P", "-m", "receiver", "inbox", "prune", "--database", str(self._scene.database))
        while True:
            await asyncio.sleep(kept / 2)
            pruning = await asyncio.create_subprocess_exec(
                *command, "--before", f"{kept:.0f}s", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            _, words = await pruning.communicate()
            if pruning.returncode and b"inbox_busy" not in words and b"lock" not in words:
                raise RuntimeError(f"inbox prune: {words.decode(errors='replace')}")


class _Until:
    """Messages without end, until a moment."""

    def __init__(self, scene: Scene, ends_at: float) -> None:
        self._messages = scene.messages(1 << 30)
        self._ends_at = ends_at

    def __iter__(self) -> "_Until":
        return self

    def __next__(self) -> Planned:
        if time.monotonic() >= self._ends_at:
            raise StopIteration
        return next(self._messages)


def trends(samples: list[Sample], seconds: float) -> list[Trend]:
    """Each quantity in the last life, once it is warm; latencies of quiet moments only. Raises ValueError."""
    first, last = (share * seconds for share in JUDGED)
    judged = [each for each in samples if first <= each.at <= last and each.life == samples[-1].life]
    found = []
    for name, unit, allowance in _QUANTITIES:
        is_latency = name in {"p50", "p99"}
        points = [
            (each.at, value)
            for each in judged
            if (value := getattr(each, name)) is not None and (each.quiet or not is_latency)
        ]
        found.append(trend(name, unit, [at for at, _ in points], [value for _, value in points], allowance))
    return found


def _press(file: Path, until: float) -> None:
    """Write and fsync until a moment."""
    data = os.urandom(_CHUNK)
    with file.open("wb", buffering=0) as target:
        while time.monotonic() < until:
            target.seek(0)
            target.write(data)
            os.fsync(target.fileno())
    file.unlink()


def _raise_first(tasks: list[asyncio.Task[None]]) -> None:
    """Raise what one of the tasks beside ended with."""
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(BaseException):
            await task
