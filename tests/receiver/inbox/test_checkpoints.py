"""Checkpoints beside a connection that writes: the log is carried over and starts anew, and nothing is lost by it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from receiver.inbox import checkpoints as module
from receiver.inbox.checkpoints import Checkpoints
from receiver.inbox.connection import connect

LOG_PAGE = 8192 + 24
"""Bytes of a page in the log, its header included."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "any.db"
    with closing(connect(path, "rwc", 1.0)) as connection:
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")
    return path


@pytest.fixture
def writer(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(Checkpoints.leave_to_others(connect(database, "rw", 1.0))) as connection:
        yield connection


def write(connection: sqlite3.Connection, rows: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO rows (body) VALUES (?)", [(b"x" * 4000,)] * rows)
    connection.execute("COMMIT")


def log_pages(database: Path) -> int:
    return Path(f"{database}-wal").stat().st_size // LOG_PAGE


def run(database: Path, writer: sqlite3.Connection, transactions: int) -> int:
    """Write, with checkpoints, and return the rows written."""
    checkpoints = Checkpoints(lambda: connect(database, "rw", 1.0))
    for _ in range(transactions):
        write(writer, 10)
        checkpoints.committed(writer)
    checkpoints.close()
    checkpoints.committed(writer)
    return transactions * 10


def test_the_log_starts_anew_and_stays_small(
    database: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS", 100)
    rows = run(database, writer, 400)
    assert log_pages(database) < rows // 2, "without checkpoints each row would add half a page at least"
    assert writer.execute("SELECT count(*) FROM rows").fetchone() == (rows,)
    assert writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_few_changes_are_left_in_the_log(database: Path, writer: sqlite3.Connection) -> None:
    size = database.stat().st_size
    run(database, writer, 20)
    assert database.stat().st_size == size


def test_large_rows_are_carried_by_a_commit(
    database: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BACKSTOP_PAGES", 50)
    Checkpoints.leave_to_others(writer)
    for _ in range(40):
        write(writer, 20)
    assert log_pages(database) < 120


def test_a_disk_that_fails_is_left_to_the_next_commit(
    database: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS", 10)

    def failing() -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    checkpoints = Checkpoints(failing)
    for _ in range(5):
        write(writer, 10)
        checkpoints.committed(writer)
    checkpoints.close()
    assert writer.execute("SELECT count(*) FROM rows").fetchone() == (50,)


def test_without_a_thread_pushes_are_taken_and_the_backstop_works(
    database: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS", 10)
    monkeypatch.setattr(module, "_BACKSTOP_PAGES", 50)
    Checkpoints.leave_to_others(writer)

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert run(database, writer, 40) == 400
    assert log_pages(database) < 120


def test_a_connection_opened_anew_counts_anew(
    database: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS", 100)
    checkpoints = Checkpoints(lambda: connect(database, "rw", 1.0))
    for _ in range(30):
        write(writer, 10)
        checkpoints.committed(writer)
    size = database.stat().st_size
    with closing(Checkpoints.leave_to_others(connect(database, "rw", 1.0))) as other:
        for _ in range(30):
            write(other, 10)
            checkpoints.committed(other)
    checkpoints.close()
    assert database.stat().st_size > size
