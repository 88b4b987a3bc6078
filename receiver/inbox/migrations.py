"""Bringing a database to the schema this program knows, one version at a time, each step all or nothing."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from receiver.errors import InboxError
from receiver.inbox.audit import ACTIONS
from receiver.inbox.connection import uri
from receiver.inbox.entities import ENTITIES
from receiver.inbox.line import BEGUN
from receiver.inbox.minutes import MINUTES
from receiver.inbox.schema import VERSION_1
from receiver.inbox.seen import SEEN_BY_AGE
from receiver.inbox.tokens import VERSION_2

STEPS: tuple[str, ...] = (VERSION_1, VERSION_2, ENTITIES + MINUTES, ACTIONS, SEEN_BY_AGE, BEGUN)
"""Step n, counted from 0, brings version n to version n + 1."""
TABLES_THERE = "SELECT name FROM sqlite_master WHERE type = 'table'"


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of a database, 0 for an empty one."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_version(version: int, path: Path, known: int = len(STEPS)) -> None:
    """Raise InboxError unless a database's version is the one this program knows."""
    _refuse_newer(version, path, known)
    if version < known:
        raise InboxError(
            f"the inbox {path} has schema version {version}, this program works with {known}: "
            "start `spapi-router serve` once, which brings it up to date"
        )


def check_kind(path: Path, *, empty: bool) -> None:
    """Raise InboxError for a database of another program, before anything of it is changed; sqlite3.Error as it comes.

    `empty` says whether one without a table may be made an inbox.
    """
    with closing(sqlite3.connect(uri(path, "rw"), uri=True, isolation_level=None)) as connection:
        check_tables(connection.execute(TABLES_THERE).fetchall(), path, empty=empty)


def check_tables(rows: Iterable[Sequence[str]], path: Path, *, empty: bool = False) -> None:
    """Raise InboxError where the tables that are there, as TABLES_THERE finds them, are not an inbox's."""
    tables = {name for (name,) in rows}
    if (tables or not empty) and "notifications" not in tables:
        raise InboxError(f"{path} is no inbox of spapi-router: name another file; nothing in it was changed")


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str] = STEPS) -> None:
    """Bring a database up to the last step. Raises InboxError for one that a newer program wrote."""
    _refuse_newer(version_of(connection), path, len(steps))
    for version in range(version_of(connection), len(steps)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements_of(steps[version]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def statements_of(script: str) -> list[str]:
    """The statements of a script. They hold no semicolon of their own."""
    return [statement for statement in map(str.strip, script.split(";")) if statement]


def _refuse_newer(version: int, path: Path, known: int) -> None:
    if version > known:
        raise InboxError(
            f"the inbox {path} has schema version {version}, newer than the {known} this program knows: "
            "upgrade spapi-router, or restore the backup made before the upgrade"
        )
