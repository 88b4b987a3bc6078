import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from handlers import process
from handlers.process import Command, Finished, run

SLOW_CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    with open(sys.argv[1], "w") as file:
        file.write(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    """The daemon runs on uvloop, whose processes are code of its own."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner


def command(*arguments: str, grace: float = 0.1) -> Command:
    return Command(arguments, {"PATH": os.environ["PATH"]}, None, 1 << 20, grace)


def test_input_output_errors_and_code(runner: asyncio.Runner) -> None:
    given = os.urandom(1_000_000)
    assert runner.run(run(command("cat"), given)) == Finished(0, given, True, b"")
    finished = runner.run(run(command("sh", "-c", "echo out; echo err >&2; exit 7"), b""))
    assert finished == Finished(7, b"out\n", True, b"err\n")
    assert runner.run(run(command("sh", "-c", "kill -KILL $$"), b"x" * 1_000_000)).code == -9


def test_what_cannot_be_started_raises(runner: asyncio.Runner) -> None:
    with pytest.raises(FileNotFoundError):
        runner.run(run(command("/no/such/program"), b""))


def test_a_survivor_does_not_hold_the_result(runner: asyncio.Runner) -> None:
    finished = runner.run(run(command("sh", "-c", "(trap '' TERM; exec sleep 600) & echo done"), b""))
    assert finished == Finished(0, b"done\n", True, b"")


def test_cancelling_ends_the_whole_group(runner: asyncio.Runner, tmp_path: Path) -> None:
    note = tmp_path / "pid"

    async def cancelled() -> int:
        task = asyncio.create_task(run(command(sys.executable, "-c", SLOW_CHILD, str(note)), b""))
        await until(lambda: note.exists() and note.read_text())
        task.cancel()
        return await gone(task, note)

    assert runner.run(cancelled()) > 0


def test_cancelling_ends_what_ran_before_its_start_was_over(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command may be faster than the event loop comes to know of it."""
    note, begin = tmp_path / "pid", process._start

    async def cancelled() -> int:
        over = asyncio.Event()

        async def start(command: Command) -> Any:
            begun = await begin(command)
            await over.wait()
            return begun

        monkeypatch.setattr(process, "_start", start)
        task = asyncio.create_task(run(command(sys.executable, "-c", SLOW_CHILD, str(note)), b""))
        await until(lambda: note.exists() and note.read_text())
        task.cancel()
        await asyncio.sleep(0)
        over.set()
        return await gone(task, note)

    assert runner.run(cancelled()) > 0


@pytest.mark.parametrize("steps", range(8))
def test_cancelling_at_any_step_of_the_start_ends_it(runner: asyncio.Runner, steps: int) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(run(command("sleep", "600"), b""))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=60)
        assert task in done
        assert task.cancelled()

    runner.run(cancelled())


def test_a_start_that_fails_while_it_is_cancelled_is_cancelled(runner: asyncio.Runner) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(run(command("/no/such/program"), b""))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    runner.run(cancelled())


def test_many_at_once(runner: asyncio.Runner) -> None:
    async def together() -> list[Finished]:
        return await asyncio.gather(*(run(command("cat"), str(number).encode()) for number in range(30)))

    assert [int(finished.output) for finished in runner.run(together())] == list(range(30))


def is_gone(group: int) -> bool:
    """Whether nothing but dead, unreaped processes is left of a group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return all(state == "Z" for state in states(group))


def states(group: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        found += [state] if int(its_group) == group else []
    return found


async def gone(task: asyncio.Task[Finished], note: Path) -> int:
    """The group that a cancelled run led, once both have ended."""
    with pytest.raises(asyncio.CancelledError):
        await task
    group = noted(note)
    await until(lambda: is_gone(group))
    return group


def noted(note: Path) -> int:
    return int(note.read_text())


async def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition never came true")
