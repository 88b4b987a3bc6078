"""Claiming, counting and pruning look at what they need alone, however much lies beside."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from receiver.inbox import DeliveryFilter, Entry, Route, SqliteInbox, State, statements
from receiver.inbox import sqlite as store
from receiver.inbox.connection import connect

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]

HOT = {
    "CLAIM": 5,
    "COALESCING": 3,
    "STALE": 4,
    "FRONT": 2,
    "HEAD": 2,
    "PLACE": 1,
    "PRUNABLE": 4,
    "DELIVERIES_OF": 1,
    "HAS_ROUTE": 3,
    "NEWER_DONE": 4,
    "FIRST_ONCE": 5,
    "LEASED": 1,
    "FORGET_SEEN": 2,
    "FORGET_NEWEST": 2,
    "FORGET_ONCE": 2,
    "DROP_POSTPONED": 2,
    "PRUNE_ATTEMPTS": 1,
}

SORTED = {"LEASED"}
"""As many rows as run at once."""


@pytest.fixture
async def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:  # type: ignore[misc]
    await (await SqliteInbox.open(tmp_path / "inbox.db")).close()
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        yield connection


@pytest.mark.parametrize("name", sorted(HOT))
async def test_no_statement_scans_a_table(database: sqlite3.Connection, name: str) -> None:
    rows = database.execute(f"EXPLAIN QUERY PLAN {getattr(statements, name)}", (0,) * HOT[name]).fetchall()
    plan = [row[3] for row in rows]
    assert plan
    assert not [step for step in plan if step.startswith("SCAN") and "SUBQUERY" not in step], plan
    assert name in SORTED or not [step for step in plan if "TEMP B-TREE" in step], plan


async def test_the_work_of_a_claim_does_not_grow_with_the_backlog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: Make, route: ToRoute
) -> None:
    """SQLite's own count of steps for one claim: the same beside ten deliveries and beside thousands of any kind."""
    opened: list[sqlite3.Connection] = []

    def opening(path: Path, mode: str, busy_timeout: float) -> sqlite3.Connection:
        opened.append(connect(path, mode, busy_timeout))
        return opened[-1]

    monkeypatch.setattr(store, "connect", opening)
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.accept([entry(f"first{number}", route("erp")) for number in range(20)])
    before = await _steps_of_a_claim(inbox, opened[-1])
    await inbox.accept([entry(f"due{number}", route("erp"), route("log")) for number in range(2000)])
    await inbox.accept([entry(f"key{number}", route("erp", key="huge"), event_time=number) for number in range(2000)])
    await inbox.cancel(DeliveryFilter(handler="log", limit=None), 2000.0, "out of the way")
    assert await inbox.count(DeliveryFilter(handler="log")) == {State.DEAD: 2000}
    after = await _steps_of_a_claim(inbox, opened[-1])
    assert after < 1.5 * before
    await inbox.close()


async def _steps_of_a_claim(inbox: SqliteInbox, connection: sqlite3.Connection) -> int:
    """How many instructions of its virtual machine SQLite needs."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    connection.set_progress_handler(count, 1)
    assert len(await inbox.claim("erp", 5, 5000.0, 30.0)) == 5
    connection.set_progress_handler(None, 0)
    return steps
