"""A process killed in the middle of writing: what it acknowledged is there, and nothing is half there."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from receiver.inbox import DeliveryFilter, NotificationFilter, SqliteInbox, State

WRITING = Path(__file__).with_name("writing.py")
ALL = DeliveryFilter(limit=None)


async def _write_until_killed(path: Path, lines: int) -> list[str]:
    """The lines that the process had printed, whole ones alone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITING), str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said = [await process.stdout.readline() for _ in range(lines)]
    process.kill()
    said += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


@pytest.mark.parametrize("lines", [1, 300, 1500])
async def test_all_that_was_acknowledged_is_there(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "inbox.db"
    said = await _write_until_killed(path, lines)
    inbox = await SqliteInbox.open(path)
    kept = {row.id: row for row in await inbox.notifications(NotificationFilter(limit=None))}
    for _, name, id_ in (line.split() for line in said if line.startswith("accepted")):
        assert kept[int(id_)].notification_id == name
    rows = {row.id: row for row in await inbox.deliveries(ALL)}
    for _, id_ in (line.split() for line in said if line.startswith("done")):
        assert rows[int(id_)].state is State.DONE
    assert len(rows) == 2 * len(kept), "a notification is kept with its deliveries or not at all"
    running = sum(row.state is State.RUNNING for row in rows.values())
    assert await inbox.recover(10.0) == running
    stats = await inbox.stats()
    assert stats.notifications == len(kept)
    assert {(row.handler, row.state) for row in await inbox.deliveries(ALL)} == {
        name for name, count in stats.deliveries.items() if count
    }
    await inbox.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
