"""Power loss: of the write-ahead log any part may be missing that had not been flushed, and its tail may be torn."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.check import check
from tests.faults.kept import Kept, read_kept
from tests.faults.record import Story, read_told
from tests.faults.scene import Scene
from tests.faults.wal import commits, generation


def copied(database: Path, to: Path) -> Path:
    """A copy of database and log, without the index of the log, which lives in memory."""
    to.mkdir()
    for name in (database.name, database.name + "-wal"):
        shutil.copy(database.with_name(name), to)
    return to / database.name


def cut(database: Path, to: Path, offset: int, tail: bytes) -> Path:
    """A copy whose log ends at an offset, with `tail` instead of what stood there."""
    shutil.rmtree(to, ignore_errors=True)
    copy = copied(database, to)
    with copy.with_name(copy.name + "-wal").open("r+b") as log:
        log.truncate(offset)
        log.seek(offset)
        log.write(tail)
    return copy


def opened(database: Path) -> Kept:
    """What an inbox holds once SQLite has recovered it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("SELECT count(*) FROM notifications").fetchone()
    return read_kept(database)


def sound(kept: Kept, story: Story) -> tuple[str, ...]:
    """What is wrong but for deliveries that have not ended."""
    return check(kept, story, (), ended=False).problems


@pytest.mark.parametrize("cuts", [12, pytest.param(400, marks=pytest.mark.slow)])
async def test_a_log_that_breaks_off_anywhere(scene: Scene, cuts: int, figures: Any, tmp_path: Path) -> None:
    """What was acknowledged before an instant is there whenever the log reaches to it; cut earlier, all is consistent.

    Each notification that is there has its deliveries, in whatever state.
    """
    process = await scene.start()
    log = scene.database.with_name("inbox.db-wal")
    await scene.send(scene.messages(150))
    story, began, flushed = read_told(scene.told.path), generation(log), commits(log)[-1]
    sending = scene.sending(scene.messages(400))
    await scene.acknowledged(300)
    async with process.frozen():
        frozen = copied(scene.database, tmp_path / "frozen")
    await sending
    await scene.finish()
    frozen_log = frozen.with_name("inbox.db-wal")
    if generation(frozen_log) != began:
        flushed = 0
    end = commits(frozen_log)[-1]
    within = 0
    for _ in range(cuts):
        offset = scene.random.randrange(end + 1)
        tail = scene.random.randbytes(scene.random.choice([0, 10, 9000]))
        kept = opened(cut(frozen, tmp_path / "cut", offset, tail))
        within += offset >= flushed
        assert sound(kept, story if offset >= flushed else Story((), 0)) == (), f"cut at {offset}, flushed {flushed}"
        assert [each.id for each in kept.notifications] == list(range(1, len(kept.notifications) + 1))
    whole = opened(cut(frozen, tmp_path / "cut", end, b""))
    assert sound(whole, story) == ()
    figures.add(f"{cuts} cuts of a log of {end} bytes, {within} of them after {flushed} flushed bytes; lost: 0")


async def test_a_torn_tail_is_left_out_by_the_next_daemon(scene: Scene, figures: Any) -> None:
    """Killed under load, the log's last transaction torn: the daemon starts, and the resend completes all."""
    await scene.start()
    sending = scene.sending(scene.messages(600))
    await scene.acknowledged(200)
    await scene.cut_off()
    log = scene.database.with_name("inbox.db-wal")
    ends = commits(log)
    with log.open("r+b") as file:
        last = file.read()[ends[-2] :] if len(ends) > 1 else b"torn" * 3000
        file.truncate(ends[-1])
        file.seek(ends[-1])
        file.write(last[: scene.random.randrange(1, len(last))])
    await scene.start()
    await sending
    figures.add(await scene.finish())
