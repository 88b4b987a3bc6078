"""Disks that fill up, fail, go read-only, and databases that others hold: 503, and recovery without a restart."""

import asyncio
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from receiver.simulators.sns.plan import Planned
from tests.faults import volume
from tests.faults.scene import Rules, Scene

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system of a kind in the stage's directory; skips where that cannot be."""
    with ExitStack() as stack:

        def mount(kind: Callable[..., Any], *arguments: Any) -> Path:
            try:
                where: Path = stack.enter_context(kind(tmp_path / "volume", *arguments))
            except volume.NoVolume as error:
                pytest.skip(str(error))
            return where

        yield mount


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Another process holds the database's write lock."""
    command = [sys.executable, "-c", _HOLD, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.communicate()


def fill(path: Path) -> None:
    """Write to a file until its file system is full."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            while _append(file, size):
                pass


def _append(file: IO[bytes], size: int) -> bool:
    try:
        return file.write(b"x" * size) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


async def outage(scene: Scene, planned: Planned, reason: str) -> None:
    """A push gets 503 for a reason, while the daemon lives."""
    answer = await scene.once(planned)
    assert (answer.status, reason in answer.text) == (503, True), answer
    assert await scene.page("/healthz") == (200, "ok\n")


async def test_a_full_disk(scene: Scene, mounts: Callable[..., Path], figures: Any) -> None:
    disk = mounts(volume.tmpfs, "40m")
    scene.write(Rules(database="volume/inbox.db"))
    await scene.start()
    before, meanwhile, after = (list(scene.messages(count)) for count in (100, 300, 100))
    await scene.send(before)
    fill(disk / "filler")
    sending = scene.sending(meanwhile)
    await scene.told_status(503)
    await outage(scene, after[0], "inbox_full")
    (disk / "filler").unlink()
    await sending
    await scene.send(after)
    figures.add(await scene.finish())


async def test_a_full_disk_is_not_ready(scene: Scene, mounts: Callable[..., Path]) -> None:
    disk = mounts(volume.tmpfs, "40m")
    scene.write(Rules(database="volume/inbox.db"))
    await scene.start()
    fill(disk / "filler")
    await outage(scene, next(scene.messages(1)), "inbox_full")
    assert (await scene.page("/readyz"))[0] == 503


async def test_a_disk_that_fails_in_the_middle_of_a_write(scene: Scene, figures: Any) -> None:
    """The kernel refuses to let any file grow (RLIMIT_FSIZE), which SQLite meets as an I/O error."""
    process = await scene.start()
    await scene.send(scene.messages(50))
    soft, hard = resource.prlimit(process.writer, resource.RLIMIT_FSIZE)
    grown = max(file.stat().st_size for file in scene.directory.glob("inbox.db*"))
    resource.prlimit(process.writer, resource.RLIMIT_FSIZE, (grown + 10_000, hard))
    sending = scene.sending(scene.messages(100))
    await scene.told_status(503)
    resource.prlimit(process.writer, resource.RLIMIT_FSIZE, (soft, hard))
    await sending
    figures.add(await scene.finish())


async def test_a_file_system_that_is_read_only_at_the_start(scene: Scene, mounts: Callable[..., Path]) -> None:
    disk = mounts(volume.tmpfs, "40m")
    scene.write(Rules(database="volume/inbox.db"))
    volume.read_only(disk)
    process = await scene.launch()
    assert await process.ended() == 1
    assert "Read-only file system" in process.words
    assert str(disk) in process.words
    assert "writable for this user" in process.words
    assert "Traceback" not in process.words


async def test_a_file_system_that_goes_read_only(scene: Scene, mounts: Callable[..., Path], figures: Any) -> None:
    """After a failure of the disk, ext4 lets nobody write: 503 until an operator has repaired it and starts anew."""
    disk = mounts(volume.ext4, 24)
    scene.write(Rules(database="volume/inbox.db"))
    await scene.start()
    messages = list(scene.messages(100))
    await scene.send(messages[:50])
    await scene.settled()
    volume.abort(disk)
    answers = [await scene.once(each) for each in messages[50:55]]
    assert {each.status for each in answers} == {503}, answers
    assert {"inbox_io" in each.text or "inbox_readonly" in each.text for each in answers} == {True}, answers
    assert await scene.page("/healthz") == (200, "ok\n")
    await scene.kill()
    scene.move(Rules(), [disk / name for name in ("inbox.db", "inbox.db-wal")])
    await scene.start()
    await scene.send(messages[50:])
    figures.add(await scene.finish())


async def test_another_process_holds_the_write_lock(scene: Scene, figures: Any) -> None:
    await scene.start()
    first, *rest = scene.messages(100)
    await scene.send(rest[:50])
    with write_lock(scene.database):
        sending = scene.sending(rest[50:])
        (status, _), _ = await asyncio.gather(scene.page("/readyz"), outage(scene, first, "inbox_busy"))
        assert status == 503
    await sending
    await scene.send([first])
    figures.add(await scene.finish())


async def test_a_second_daemon_on_one_database_refuses(scene: Scene, figures: Any) -> None:
    first = await scene.start()
    sending = scene.sending(scene.messages(300))
    await scene.acknowledged(50)
    second = await scene.another()
    assert await second.ended() == 1
    assert f"in use by another spapi-router (pid {first.pid}): stop that one" in second.words
    assert "Traceback" not in second.words
    await sending
    figures.add(await scene.finish())


async def test_killing_one_daemon_lets_the_next_take_over(scene: Scene) -> None:
    """No lock outlives its owner, and no leftover of a killed one has to be removed by hand."""
    await scene.start()
    await scene.send(scene.messages(20))
    await scene.kill()
    assert (scene.directory / "inbox.db.lock").exists()
    await scene.start()
    await scene.finish()


@pytest.mark.parametrize("page", [0, 1])
async def test_a_corrupt_database_is_not_served(scene: Scene, page: int) -> None:
    await scene.start()
    await scene.send(scene.messages(20))
    await scene.finish()
    with scene.database.open("r+b") as file:
        file.seek(page * 8192)
        file.write(os.urandom(8192))
    kept = scene.database.read_bytes()
    process = await scene.launch()
    assert await process.ended() == 1
    assert f"the inbox {scene.database} is damaged" in process.words
    assert ("is it the right file?" in process.words) is (page == 0)
    assert "restore a backup" in process.words
    assert "Traceback" not in process.words
    assert scene.database.read_bytes() == kept, "the evidence must stay as it is"
