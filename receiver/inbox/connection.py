"""Connections to the SQLite file, and what SQLite's errors mean to the rest of the program.

Sources: SQLite's pages on write-ahead logging, PRAGMA statements and result codes.
"""

import sqlite3
from pathlib import Path

from receiver.errors import InboxError, RouterError, Unavailable
from receiver.reach import is_there

_OLDEST_SQLITE = (3, 35)
_PAGE_BYTES = 8192
_CACHE_KIBIBYTES = 4_096
_WAL_PAGES = 2_000
_WAL_BYTES = 64 << 20
_STATEMENTS = 256
_PRIMARY_CODE = 0xFF

RESTORE = "restore a backup: spapi-router inbox restore BACKUP"
"""What to do about a damaged inbox, once the daemon is stopped."""

_REASONS = {
    sqlite3.SQLITE_BUSY: ("inbox_busy", "another process holds the inbox's write lock"),
    sqlite3.SQLITE_LOCKED: ("inbox_busy", "another connection holds a lock on the inbox"),
    sqlite3.SQLITE_FULL: ("inbox_full", "no space is left for the inbox: free some on its file system"),
    sqlite3.SQLITE_READONLY: ("inbox_readonly", "the inbox is not writable: check its owner, modes and mount"),
    sqlite3.SQLITE_IOERR: ("inbox_io", "the inbox's disk fails"),
    sqlite3.SQLITE_CANTOPEN: ("inbox_io", "the inbox's files cannot be opened: check its directory"),
    sqlite3.SQLITE_NOMEM: ("inbox_memory", "no memory is left for the inbox"),
    sqlite3.SQLITE_CORRUPT: ("inbox_corrupt", f"the inbox is damaged: stop the daemon and {RESTORE}"),
    sqlite3.SQLITE_NOTADB: ("inbox_corrupt", f"the inbox is damaged: stop the daemon and {RESTORE}"),
}
_BROKEN = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def uri(path: Path, mode: str) -> str:
    """The SQLite URI of a file opened in a mode: `rwc`, `rw` or `ro`."""
    return f"{path.absolute().as_uri()}?mode={mode}"


def connect(path: Path, mode: str, busy_timeout: float) -> sqlite3.Connection:
    """A connection that writes: WAL, every commit on disk before it returns. Raises sqlite3.Error.

    `busy_timeout` is how many seconds to wait for another process's lock.
    """
    connection = sqlite3.connect(
        uri(path, mode),
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
        uri=True,
    )
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON").fetchone()
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def check_library() -> None:
    """Raise InboxError where Python's SQLite is too old (RETURNING came with 3.35)."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise InboxError(f"SQLite {sqlite3.sqlite_version} is too old: this program needs 3.35 or newer")


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code of an error, -1 where the error comes from Python's module itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & _PRIMARY_CODE


def is_environmental(error: BaseException) -> bool:
    """Whether an error lies with disk, locks or memory, not with what was asked."""
    return isinstance(error, sqlite3.Error) and primary_code(error) in _REASONS


def is_damage(error: BaseException) -> bool:
    """Whether a page of the file was met that makes no sense: what needs other pages alone goes on."""
    return isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_CORRUPT


def existing(path: Path) -> Path:
    """The path of an inbox that is there. Raises InboxError where it is not, RouterError where that cannot be told."""
    if not is_there(path):
        raise InboxError(f"there is no inbox at {path}: name the one of the rules file; `spapi-router serve` makes it")
    return path


def breaks_connection(error: BaseException) -> bool:
    """Whether the connection had better be opened anew after an error."""
    return isinstance(error, sqlite3.Error) and primary_code(error) in _BROKEN


def translated(error: BaseException, path: Path) -> BaseException:
    """What to raise for an error of a running inbox: Unavailable where it can pass, the error itself otherwise."""
    if is_environmental(error) and isinstance(error, sqlite3.Error):
        reason, meaning = _REASONS[primary_code(error)]
        return Unavailable(reason, f"{meaning} ({path}: {error})")
    return error


def _begins_as_database(path: Path) -> bool:
    """Whether a file was one, whatever became of it (SQLite, "Database File Format", section 1.3.1)."""
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return True


def opening_error(error: sqlite3.Error, path: Path) -> RouterError:
    """What to raise where the inbox cannot be opened: InboxError saying what to do, Unavailable where it may pass."""
    if path.is_dir():
        return InboxError(f"{path} is a directory: name the inbox's file in it")
    code = primary_code(error)
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        how = str(error) if _begins_as_database(path) else f"{error}; is it the right file?"
        return InboxError(
            f"the inbox {path} is damaged ({how}). With the daemon stopped, {RESTORE}, which keeps the damaged one. "
            f"Or move it, its -wal and -shm aside, and save what can be read: sqlite3 DAMAGED .recover | sqlite3 {path}"
        )
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return InboxError(
            f"the inbox {path} cannot be opened ({error}): its directory must exist, and both must be "
            "readable and writable for this user"
        )
    problem = translated(error, path)
    return problem if isinstance(problem, RouterError) else InboxError(f"the inbox {path} cannot be opened: {error}")
