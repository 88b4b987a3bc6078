"""The writer as a process of its own: what the thread does, it does, and its end is noticed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.errors import InboxError
from receiver.inbox.lock import OwnerLock

PROGRAM = Path(__file__).with_name("apart.py")


class Apart:
    """A process that opens an inbox with a writer of its own and does what it is told, a line at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.writer = 0

    async def tell(self, *words: object) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        return (await asyncio.wait_for(self.process.stdout.readline(), 30)).decode().strip()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture
async def apart(database: Path) -> AsyncIterator[Apart]:
    apart = Apart(
        await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), str(database), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
    )
    apart.writer = int(await apart.tell("writer"))
    yield apart
    if apart.process.returncode is None:
        apart.process.kill()
    await apart.process.communicate()


async def test_what_is_acknowledged_is_there_for_another_reader(apart: Apart) -> None:
    assert await apart.tell("accept", "a") == "1 new"
    assert await apart.tell("accept", "a") == "1 again"
    assert await apart.tell("accept", "b") == "2 new"
    assert await apart.tell("kept") == "2"


async def test_an_error_comes_back_as_what_it_is(apart: Apart) -> None:
    assert await apart.tell("fail", "portable") == "Unavailable: disk_full the disk is full"
    assert await apart.tell("fail", "stubborn") == "RuntimeError: Stubborn: cannot be pickled"
    assert await apart.tell("fail", "payload") == "cannot be sent"
    assert await apart.tell("accept", "a") == "2 new", "the one sent beside it was taken"


async def test_closing_finishes_what_waits_and_leaves_no_process(apart: Apart, database: Path) -> None:
    assert await apart.tell("close", 50) == "50"
    assert await apart.process.wait() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(apart.writer, 0)
    assert OwnerLock(database).owner() is None


async def test_a_writer_that_is_killed_is_noticed(apart: Apart) -> None:
    os.kill(apart.writer, signal.SIGKILL)
    assert await apart.tell("ended") == "ended"
    assert await apart.tell("accept", "a") == "Unavailable: inbox_process the process that writes the inbox has ended"


async def test_signals_of_the_process_group_do_not_end_it(apart: Apart) -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(apart.writer, name)
    assert await apart.tell("accept", "a") == "1 new"


async def test_it_ends_with_its_daemon_and_the_next_one_waits_for_that(apart: Apart, database: Path) -> None:
    os.kill(apart.writer, signal.SIGSTOP)
    apart.process.kill()
    while apart.process.returncode is None:  # its pipes stay open as long as the writer has them
        await asyncio.sleep(0.01)
    assert OwnerLock(database).owner() == apart.process.pid, "the lock is held by both"
    next_owner = OwnerLock(database)
    taking = asyncio.ensure_future(asyncio.to_thread(next_owner.acquire))
    done, _ = await asyncio.wait({taking}, timeout=0.2)
    os.kill(apart.writer, signal.SIGCONT)
    await asyncio.wait_for(taking, 30)
    assert not done
    next_owner.release()


async def test_a_second_owner_is_refused_at_once(apart: Apart, database: Path) -> None:
    with pytest.raises(InboxError, match=f"in use by another spapi-router \\(pid {apart.process.pid}\\)"):
        await asyncio.wait_for(asyncio.to_thread(OwnerLock(database).acquire), 5)
