"""The SQLite file itself: opened, refused, shared, migrated."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.base import Unread
from receiver.errors import InboxError
from receiver.inbox import DeliveryFilter, Entry, Result, Route, SqliteInbox, State
from receiver.inbox.migrations import STEPS, migrate, statements_of, version_of

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]
ToResult = Callable[..., Result]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture
async def owner(path: Path) -> AsyncIterator[SqliteInbox]:
    inbox = await SqliteInbox.open(path)
    yield inbox
    await inbox.close()


async def test_what_is_durable_is_set(owner: SqliteInbox, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
    connection.close()


async def test_all_is_there_after_reopening(path: Path, entry: Make, route: ToRoute) -> None:
    first = await SqliteInbox.open(path)
    await first.accept([entry("n1", route(key="k"), route("log"))])
    await first.claim("log", 1, 2000.0, 3600.0)
    await first.save_note("breaker/erp", b"open")
    await first.close()
    second = await SqliteInbox.open(path)
    assert (await second.accept([entry("n1")]))[0].duplicate
    assert await second.count(DeliveryFilter()) == {State.WAITING: 1, State.RUNNING: 1}
    assert await second.recover(2001.0) == 1
    assert await second.notes("") == {"breaker/erp": b"open"}
    await second.close()


async def test_a_second_daemon_is_refused_by_the_name_of_the_first(owner: SqliteInbox, path: Path) -> None:
    with pytest.raises(InboxError, match=rf"in use by another spapi-router \(pid {os.getpid()}\).*stop that one"):
        await SqliteInbox.open(path)


async def test_a_daemon_that_was_killed_leaves_no_lock(path: Path) -> None:
    script = (
        "import asyncio, os, signal, sys; from receiver.inbox import SqliteInbox\n"
        "async def main():\n"
        "    await SqliteInbox.open(sys.argv[1]); os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path))
    assert await process.wait() == -signal.SIGKILL
    inbox = await SqliteInbox.open(path)
    assert inbox.path == path
    await inbox.close()


async def test_closing_lets_the_next_one_in(path: Path) -> None:
    for _ in range(2):
        inbox = await SqliteInbox.open(path)
        await inbox.close()
    with pytest.raises(InboxError, match="closed"):
        await inbox.save_note("a", b"b")


async def test_a_failed_opening_lets_go_of_the_lock(path: Path) -> None:
    _damage(path, 0)
    for _ in range(2):
        with pytest.raises(InboxError, match="damaged"):
            await SqliteInbox.open(path)
    await (await SqliteInbox.open(path.with_name("other.db"))).close()


async def test_readers_and_repairs_beside_the_daemon(
    owner: SqliteInbox, path: Path, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await owner.accept([entry("n1", route())])
    (claim,) = await owner.claim("erp", 1, 2000.0, 30.0)
    await owner.finish([result(claim, State.DEAD, detail="410")])
    assert await owner.changed_elsewhere() is False
    reader = await SqliteInbox.read(path)
    assert await reader.count(DeliveryFilter()) == {State.DEAD: 1}
    with pytest.raises(InboxError, match="reading alone"):
        await reader.replay(DeliveryFilter(), 3000.0)
    await reader.close()
    assert await owner.changed_elsewhere() is False
    repairs = await SqliteInbox.attach(path)
    assert await repairs.replay(DeliveryFilter(states=(State.DEAD,)), 3000.0) == 1
    await repairs.close()
    assert await owner.changed_elsewhere() is True
    assert await owner.changed_elsewhere() is False
    assert [claim.attempt for claim in await owner.claim("erp", 1, 3000.0, 30.0)] == [1]


async def test_the_first_change_from_elsewhere_is_noticed(
    owner: SqliteInbox, path: Path, entry: Make, route: ToRoute
) -> None:
    await owner.accept([entry("n1", route())])
    repairs = await SqliteInbox.attach(path)
    await repairs.cancel(DeliveryFilter(), 3000.0, "by hand")
    await repairs.close()
    assert await owner.changed_elsewhere() is True


async def test_an_attached_command_does_not_take_leases_away(
    owner: SqliteInbox, path: Path, entry: Make, route: ToRoute
) -> None:
    await owner.accept([entry("n1", route())])
    await owner.claim("erp", 1, 2000.0, 30.0)
    beside = await SqliteInbox.attach(path)
    assert await beside.recover(2001.0) == 0
    await beside.close()


@pytest.mark.parametrize("way", [SqliteInbox.read, SqliteInbox.attach])
async def test_no_inbox_is_not_made_by_looking(path: Path, way: Callable[[Path], "object"]) -> None:
    with pytest.raises(InboxError, match=r"there is no inbox at .*inbox\.db"):
        await way(path)  # type: ignore[misc]
    assert os.listdir(path.parent) == []  # noqa: PTH208 - a look at what was left


async def test_strangers_cannot_read_it(owner: SqliteInbox, path: Path) -> None:
    await owner.save_note("a", b"b")
    files = [path, path.with_name("inbox.db-wal"), path.with_name("inbox.db-shm")]
    modes = {file.name: _mode(file) & 0o007 for file in files}
    assert modes == dict.fromkeys(modes, 0)


async def test_a_directory_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(InboxError, match=r"cannot be opened: Is a directory"):
        await SqliteInbox.open(tmp_path)


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="must exist"):
        await SqliteInbox.open(tmp_path / "missing" / "inbox.db")


@pytest.mark.parametrize("way", [SqliteInbox.open, SqliteInbox.read, SqliteInbox.attach])
async def test_a_damaged_database_is_refused_with_a_way_out(
    path: Path, entry: Make, way: Callable[[Path], "object"]
) -> None:
    inbox = await SqliteInbox.open(path)
    await inbox.accept([entry("n1")])
    await inbox.close()
    _damage(path, 100)
    with pytest.raises(InboxError, match=r"is damaged.*restore a backup.*\.recover"):
        await way(path)  # type: ignore[misc]


@pytest.mark.parametrize("way", [SqliteInbox.open, SqliteInbox.read, SqliteInbox.attach])
async def test_a_newer_database_is_refused(path: Path, way: Callable[[Path], "object"]) -> None:
    await (await SqliteInbox.open(path)).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    with pytest.raises(InboxError, match=f"schema version {len(STEPS) + 1}, newer than .*upgrade spapi-router"):
        await way(path)  # type: ignore[misc]


@pytest.mark.parametrize("way", [SqliteInbox.read, SqliteInbox.attach])
async def test_an_older_database_waits_for_the_daemon(path: Path, way: Callable[[Path], "object"]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, STEPS[:1])
    connection.close()
    with pytest.raises(InboxError, match=r"schema version 1.*serve"):
        await way(path)  # type: ignore[misc]


@pytest.mark.parametrize("way", [SqliteInbox.read, SqliteInbox.attach])
async def test_a_directory_is_no_failing_disk(path: Path, way: Callable[[Path], "object"]) -> None:
    with pytest.raises(InboxError, match="is a directory: name the inbox's file in it"):
        await way(path.parent)  # type: ignore[misc]


@pytest.mark.parametrize("way", [SqliteInbox.read, SqliteInbox.attach])
@pytest.mark.parametrize("version", [0, len(STEPS), 77])
async def test_a_database_of_another_program_is_told_from_an_old_inbox(
    path: Path, way: Callable[[Path], "object"], version: int
) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE something_else (a)")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = await asyncio.to_thread(path.read_bytes)
    with pytest.raises(InboxError, match=r"is no inbox of spapi-router: name another file; nothing in it was changed"):
        await way(path)  # type: ignore[misc]
    assert await asyncio.to_thread(path.read_bytes) == before


@pytest.mark.parametrize("version", range(len(STEPS)))
async def test_each_version_before_is_brought_up_to_date(path: Path, entry: Make, route: ToRoute, version: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, STEPS[:version])
    assert version_of(connection) == version
    connection.close()
    inbox = await SqliteInbox.open(path)
    await inbox.accept([entry("n1", route())])
    await inbox.close()
    assert _schema(path) == _schema_of_new(path.with_name("new.db"))


def test_a_step_is_taken_whole_or_not_at_all(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path)
    before = _schema(path)
    with pytest.raises(sqlite3.Error):
        migrate(connection, path, (*STEPS, "CREATE TABLE added (a); CREATE TABLE notes (twice)"))
    assert version_of(connection) == len(STEPS)
    assert _schema(path) == before
    migrate(connection, path, (*STEPS, "CREATE TABLE added (a); CREATE INDEX added_a ON added (a)"))
    assert version_of(connection) == len(STEPS) + 1
    connection.close()


def test_statements_of_a_script() -> None:
    assert statements_of("A;\n B (c);;\n") == ["A", "B (c)"]


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _damage(path: Path, start: int) -> None:
    """Overwrite a file from a place on, as a disk or a copy that went wrong does."""
    content = path.read_bytes() if path.exists() else b""
    path.write_bytes(content[:start] + b"\xff" * max(8192, len(content) - start))


def _schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return rows


def _schema_of_new(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path)
    connection.close()
    return _schema(path)


async def test_a_claim_brings_the_document_or_what_it_could_not_be_read_from(
    tmp_path: Path, entry: Any, route: Any
) -> None:
    """Reading is the writer's work, beside the event loop; what is encrypted only the daemon can read."""
    message = {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:t",
        "Message": '{"NotificationType":"ORDER_CHANGE","Payload":{"a":1}}',
        "Timestamp": "2026-01-01T00:00:00.000Z",
    }
    deep = '{"NotificationType":"X","Payload":' + '{"a":' * 300 + "1" + "}" * 301
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.accept([entry("readable", route(), body=json.dumps(message).encode())])
    await inbox.accept([entry("sealed", route(), body=b"\0sealed")])
    await inbox.accept([entry("nested", route(), body=json.dumps({**message, "Message": deep}).encode())])
    readable, sealed, nested = await inbox.claim("erp", 3, 1e6, 60.0)
    assert isinstance(readable.document, Unread)
    assert (readable.document["type"], readable.document["payload"]) == ("ORDER_CHANGE", {"a": 1})
    assert readable.notification_body == b""
    assert (sealed.document, sealed.notification_body) == (None, b"\0sealed")
    assert type(nested.document) is dict
    assert nested.document["type"] == "X"
    await inbox.close()
