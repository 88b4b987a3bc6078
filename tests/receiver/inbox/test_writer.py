"""The writer's thread: one commit for all that waits, and no job hurt by another."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import InboxError
from receiver.inbox import DeliveryFilter, Entry, Route, SqliteInbox, State
from receiver.inbox import sqlite as store
from receiver.inbox.connection import connect
from receiver.inbox.executor import Executor
from receiver.inbox.transaction import Transaction
from receiver.inbox.writer import ThreadWriter

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
async def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: list[str]) -> AsyncIterator[SqliteInbox]:
    """An inbox whose statements are written down."""

    def tracing(path: Path, mode: str, busy_timeout: float) -> sqlite3.Connection:
        connection = connect(path, mode, busy_timeout)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(store, "connect", tracing)
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    statements.clear()
    yield inbox
    await inbox.close()


async def test_waiting_pushes_share_few_commits(
    inbox: SqliteInbox, statements: list[str], entry: Make, route: ToRoute
) -> None:
    answers = await asyncio.gather(*(inbox.accept([entry(f"n{number}", route())]) for number in range(200)))
    assert sorted(answer.id for (answer,) in answers) == list(range(1, 201))
    commits = statements.count("COMMIT")
    assert commits < 20, "each of 200 waiting pushes must not pay for a commit of its own"


async def test_identical_pushes_at_once_make_one(inbox: SqliteInbox, entry: Make, route: ToRoute) -> None:
    answers = await asyncio.gather(*(inbox.accept([entry("same", route())]) for _ in range(200)))
    assert sum(not answer.duplicate for (answer,) in answers) == 1
    assert {answer.id for (answer,) in answers} == {1}
    assert await inbox.count(DeliveryFilter()) == {State.WAITING: 1}
    row = await inbox.notification(1)
    assert row is not None
    assert row.repeats == 199


async def test_a_batch_takes_few_statements(
    inbox: SqliteInbox, statements: list[str], entry: Make, route: ToRoute
) -> None:
    """Each statement gives the interpreter's lock away: their number must not grow with the batch."""
    await inbox.accept([entry("first")])
    statements.clear()
    await inbox.accept([entry(f"n{number}", route()) for number in range(64)])
    assert len(statements) <= 10


async def test_a_job_that_fails_does_not_take_others_along(inbox: SqliteInbox, entry: Make, route: ToRoute) -> None:
    wrong = entry("wrong", route(), type_=None)
    jobs = [inbox.accept([entry("n1", route())]), inbox.accept([wrong]), inbox.accept([entry("n2", route())])]
    first, failed, second = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(failed, sqlite3.Error)
    assert not isinstance(first, BaseException)
    assert not isinstance(second, BaseException)
    assert (await inbox.stats()).notifications == 2
    assert not (await inbox.accept([entry("wrong", route())]))[0].duplicate


async def test_a_call_is_kept_whole_or_not_at_all(inbox: SqliteInbox, entry: Make, route: ToRoute) -> None:
    with pytest.raises(sqlite3.Error):
        await inbox.accept([entry("n1", route()), entry("wrong", route(), type_=None)])
    assert (await inbox.stats()).notifications == 0
    assert await inbox.count(DeliveryFilter()) == {}


async def test_a_caller_that_gave_up_is_not_missed(inbox: SqliteInbox, entry: Make, route: ToRoute) -> None:
    impatient = asyncio.ensure_future(inbox.accept([entry("n1", route())]))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    await inbox.accept([entry("n2", route())])
    assert (await inbox.stats()).notifications == 2


async def test_closing_finishes_what_waits(tmp_path: Path, entry: Make, route: ToRoute) -> None:
    inbox = await SqliteInbox.open(tmp_path / "other.db")
    jobs = [asyncio.ensure_future(inbox.accept([entry(f"n{number}", route())])) for number in range(50)]
    await asyncio.sleep(0)
    await inbox.close()
    assert [answer.duplicate for (answer,) in await asyncio.gather(*jobs)] == [False] * 50
    with pytest.raises(InboxError, match="closed"):
        await inbox.accept([entry("late")])


async def test_jobs_of_one_kind_are_done_together(tmp_path: Path) -> None:
    batches: list[list[int]] = []

    def double(_transaction: Transaction, payloads: list[int]) -> list[int]:
        batches.append(payloads)
        return [2 * payload for payload in payloads]

    def translate(error: BaseException) -> BaseException:
        return error

    def opening() -> sqlite3.Connection:
        return connect(tmp_path / "any.db", "rwc", 1.0)

    writer = ThreadWriter(Executor(opening, translate))
    results: list[Any] = await asyncio.gather(*(writer.run(double, number) for number in range(100)))
    await writer.close()
    assert results == [2 * number for number in range(100)]
    assert [number for batch in batches for number in batch] == list(range(100))
    assert len(batches) < 100
