"""Signs of life come while the writer answers, whatever it answers, and stop while it does not."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import Unavailable
from receiver.inbox import SqliteInbox
from receiver.inbox.transaction import Transaction
from receiver.service_manager import ServiceManager
from receiver.watchdog import Watchdog
from tests.receiver.manager import Manager

PERIOD = 0.05
Ask = Callable[[], Awaitable[object]]


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    await manager.close()


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db", busy_timeout=0.01)
    yield inbox
    await inbox.close()


@pytest.fixture
async def watched(manager: Manager) -> AsyncIterator[Callable[[Ask], None]]:
    """Runs a watchdog over a writer."""
    tasks = []

    def start(ask: Ask) -> None:
        watchdog = Watchdog(ServiceManager(manager.environment), ask, PERIOD)
        tasks.append(asyncio.create_task(watchdog.run()))

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def is_alive(said: dict[str, str]) -> bool:
    return said == {"WATCHDOG": "1"}


async def signs(manager: Manager, count: int) -> None:
    for _ in range(count):
        await manager.hear(is_alive, after=len(manager.heard))


async def test_a_working_writer(manager: Manager, inbox: SqliteInbox, watched: Callable[[Ask], None]) -> None:
    watched(lambda: inbox.save_note("ready", b""))
    await signs(manager, 3)


async def test_a_writer_that_hangs_stops_the_signs_and_the_log_says_so(
    manager: Manager, inbox: SqliteInbox, watched: Callable[[Ask], None], caplog: pytest.LogCaptureFixture
) -> None:
    started, release = threading.Event(), threading.Event()

    def hang(_transaction: Transaction, payloads: list[None]) -> list[None]:
        started.set()
        release.wait(30)
        return payloads

    watched(lambda: inbox.save_note("ready", b""))
    await signs(manager, 1)
    hanging = asyncio.create_task(inbox.write(hang, None))
    try:
        await asyncio.to_thread(started.wait, 30)
        while not logged(caplog, "inbox_writer_silent"):
            await asyncio.sleep(PERIOD)
        heard = len(manager.heard)
        await asyncio.sleep(6 * PERIOD)
        assert len(manager.heard) == heard
    finally:
        release.set()
    await hanging
    await signs(manager, 2)
    assert logged(caplog, "inbox_writer_answers")
    assert "disk" in logged(caplog, "inbox_writer_silent")[0]["cure"]


async def test_a_locked_database_is_no_reason_to_start_again(
    manager: Manager, inbox: SqliteInbox, watched: Callable[[Ask], None]
) -> None:
    other = sqlite3.connect(inbox.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="write lock"):
        await inbox.save_note("ready", b"")
    watched(lambda: inbox.save_note("ready", b""))
    await signs(manager, 3)
    other.close()


@pytest.mark.parametrize("error", [Unavailable("inbox_full", "no space is left"), RuntimeError("a fault of ours")])
async def test_a_full_disk_is_no_reason_to_start_again(
    manager: Manager, watched: Callable[[Ask], None], error: Exception
) -> None:
    async def ask() -> None:
        raise error

    watched(ask)
    await signs(manager, 3)


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [record.facts for record in caplog.records if record.getMessage() == event]  # type: ignore[attr-defined]
