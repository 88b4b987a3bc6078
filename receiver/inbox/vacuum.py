"""Giving space that the inbox does not need any more back to the file system.

Deleted notifications leave free pages, which new ones fill again: the file stops growing, and does not shrink by
itself. Sources: SQLite's pages on VACUUM (twice the file's size may be needed) and on PRAGMA incremental_vacuum.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from receiver.errors import InboxError, Unavailable
from receiver.inbox.backup import require_space
from receiver.inbox.connection import connect, existing, opening_error, primary_code, translated
from receiver.inbox.lock import OwnerLock
from receiver.inbox.migrations import check_kind
from receiver.inbox.ownership import owned

Progress = Callable[[int, int], None]
"""Told after each step how many pages are given back, and how many there were."""

_INCREMENTAL = 2
_STEP_PAGES = 128
_PAUSE = 0.05
_BUSY_SECONDS = 10.0
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """How many bytes the inbox had, and has."""

    before: int
    after: int


def vacuum(path: Path, *, in_steps: bool = False, progress: Progress | None = None) -> Vacuumed:
    """Give free space back: in small steps beside a running daemon where the inbox is laid out for it, else whole.

    `in_steps` lays it out for that. Raises InboxError where the file is no inbox, a daemon runs on an inbox that is not
    laid out so, or the disk has no room for the work; Unavailable where another program holds the inbox.
    """
    owner = OwnerLock(existing(path)).owner()
    try:
        check_kind(path, empty=False)
        if owner is None:
            with owned(path), closing(connect(path, "rw", _BUSY_SECONDS)) as connection:
                return _whole(connection, path, in_steps)
        with closing(connect(path, "rw", _BUSY_SECONDS)) as connection:
            _check_steps(connection, path, owner)
            return _stepwise(connection, path, progress)
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_FULL:
            raise InboxError(f"no space was left for the vacuum: the inbox {path} is as it was ({error})") from None
        raise opening_error(error, path) from None


def free_bytes(connection: sqlite3.Connection) -> int:
    """How much of a database is free pages."""
    return _number(connection, "freelist_count") * _number(connection, "page_size")


def _check_steps(connection: sqlite3.Connection, path: Path, owner: int) -> None:
    if _number(connection, "auto_vacuum") != _INCREMENTAL:
        raise InboxError(
            f"the daemon (pid {owner}) uses {path}, and a vacuum would hold its writes up until it ends: stop it "
            "(systemctl stop spapi-router; its socket lets pushes wait, SNS sends again), run this, and start it; "
            "with --in-steps, later runs work beside the daemon"
        )


def _whole(connection: sqlite3.Connection, path: Path, in_steps: bool) -> Vacuumed:
    """Write the file anew. It is as it was if this ends early, also by a kill or a power cut."""
    before = _size(connection)
    used = before - free_bytes(connection)
    require_space(path.parent, 2 * used, f"the vacuum of {path}")
    # SQLite writes the new file to a temporary one first: beside the inbox, where there is room for it.
    os.environ["SQLITE_TMPDIR"] = str(path.parent.absolute())
    if in_steps:
        connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return Vacuumed(before, _size(connection))


def _stepwise(connection: sqlite3.Connection, path: Path, progress: Progress | None) -> Vacuumed:
    """Give back what is free now, a little a transaction, so that no push waits for long."""
    before, total = _size(connection), _number(connection, "freelist_count")
    done = 0
    while done < total and (free := _number(connection, "freelist_count")):
        _step(connection, path)
        done += min(free, _STEP_PAGES)
        if progress is not None:
            progress(done, total)
        time.sleep(_PAUSE)
    # As far as nobody has to wait for it: the daemon's own checkpoints do the rest.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return Vacuumed(before, _size(connection))


def _step(connection: sqlite3.Connection, path: Path) -> None:
    """One transaction. Raises Unavailable where others leave no room between theirs."""
    for attempt in range(1, _TRIES + 1):
        try:
            # A row a page, without columns: `execute` would end after the first.
            connection.executescript(f"PRAGMA incremental_vacuum({_STEP_PAGES})")
            break
        except sqlite3.OperationalError as error:
            problem = translated(error, path)
            if not isinstance(problem, Unavailable) or problem.reason != "inbox_busy" or attempt == _TRIES:
                raise problem from None
            time.sleep(_PAUSE)


def _size(connection: sqlite3.Connection) -> int:
    return _number(connection, "page_count") * _number(connection, "page_size")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number
