"""A copy of the inbox beside the running daemon: consistent, checked, and in its place whole or not at all.

Sources: SQLite's pages on the online backup API, on isolation and on write-ahead logging.
"""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from receiver.errors import InboxError, RouterError
from receiver.inbox.connection import RESTORE, existing, opening_error, primary_code, uri
from receiver.inbox.lock import OwnerLock
from receiver.reach import is_there

Progress = Callable[[int, int], None]
"""Told after each step how many pages are copied, and how many there are."""

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database in use: part of its content, which must not meet another file of the name."""

_STEP_PAGES = 256
_PAUSE = 0.005
_SPARE_BYTES = 16 << 20
_MIB = 1 << 20
_SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_BUSY_SECONDS = 10.0
_COUNTED = ("notifications", "deliveries")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a sound database holds."""

    bytes: int
    notifications: int
    deliveries: int


def back_up(source: Path, target: Path, *, force: bool = False, progress: Progress | None = None) -> Contents:
    """Copy the inbox at `source`, whose daemon may run, to the file `target`; what the copy holds.

    Raises InboxError: for a target that is there already (unless `force`), that is no file, is in use, or has no room,
    and for a source or a copy that is damaged.
    """
    # What a link leads to is written, and the link stays: `/dev/stdout` is one.
    target = target.resolve()
    _check_target(source, target, force)
    with closing(_opened(source)) as connection:
        try:
            # One snapshot for all steps: without it, each commit of the daemon's would begin the copy anew.
            connection.execute("BEGIN")
            require_space(target.parent, connection.execute(_SIZE).fetchone()[0], f"the copy {target}")
            with _beside(target) as new:
                _copy(connection, new, progress)
                # The snapshot kept the log from being written back.
                connection.execute("COMMIT")
                _settle(new)
                contents = sound(new, f"the inbox {source}", f"stop the daemon and {RESTORE}")
                _check_target(source, target, force)
                put_in_place(new, target)
        except sqlite3.Error as error:
            raise _copying_error(error, source, target) from None
    return contents


def sound(path: Path, subject: str = "", cure: str = "it is not to be used as a backup") -> Contents:
    """Read a database that nobody uses from end to end.

    Raises InboxError, which speaks of `subject` (the path by default), where it is damaged or no inbox.
    """
    subject = subject or str(path)
    try:
        with closing(sqlite3.connect(uri(path, "ro"), uri=True, isolation_level=None)) as connection:
            faults = [" ".join(str(row[0]).split()) for row in connection.execute("PRAGMA integrity_check(3)")]
            if faults != ["ok"]:
                raise InboxError(f"{subject} is damaged: {'; '.join(faults)}; {cure}")
            counts = [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in _COUNTED]  # noqa: S608
            return Contents(connection.execute(_SIZE).fetchone()[0], *counts)
    except sqlite3.Error as error:
        if str(error).startswith("no such table"):
            raise InboxError(f"{subject} is no inbox of spapi-router: {error}") from None
        raise InboxError(f"{subject} is damaged: {error}; {cure}") from None


def require_space(directory: Path, needed: int, what: str) -> None:
    """Raise InboxError unless a directory's file system has room for `needed` bytes and some to spare."""
    try:
        free = shutil.disk_usage(directory).free
    except OSError as error:
        raise InboxError(f"the directory {directory} cannot be used: {error.strerror}") from None
    if free < needed + _SPARE_BYTES:
        short = (needed + _SPARE_BYTES - free) // _MIB + 1
        raise InboxError(
            f"{directory} has {free // _MIB:,} MiB left, and {what} needs {needed // _MIB + 1:,} MiB and "
            f"{_SPARE_BYTES // _MIB} to spare: free {short:,} MiB"
        )


def put_in_place(new: Path, target: Path) -> None:
    """Rename a finished file to its name, on disk before this returns. Raises InboxError."""
    try:
        _flush(new)
        new.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise InboxError(f"{target} cannot be written: {error.strerror}") from None


def companions(path: Path) -> list[Path]:
    """The files of SQLite's that lie beside a database."""
    return [beside for end in COMPANIONS if (beside := path.with_name(path.name + end)).exists()]


def _check_target(source: Path, target: Path, force: bool) -> None:
    if is_there(target):
        if target.is_dir():
            raise InboxError(f"{target} is a directory: name a file in it")
        if not target.is_file():
            raise InboxError(f"{target} is a device, a pipe or a socket: name a file")
        if target.samefile(source):
            raise InboxError(f"{target} is the inbox itself: name another file")
        if not force:
            raise InboxError(f"{target} is there already: name another file, or write over it with --force")
    owner = OwnerLock(target).owner()
    if owner is not None:
        raise InboxError(f"{target} is the inbox of a running spapi-router (pid {owner}): name another file")
    if left := companions(target):
        raise InboxError(f"{left[0]} belongs to a database in use, or to one that was cut off: name another file")


def _opened(source: Path) -> sqlite3.Connection:
    """A connection that only reads. The schema's version does not matter: a backup comes before an upgrade."""
    try:
        return sqlite3.connect(uri(existing(source), "ro"), uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
    except sqlite3.Error as error:
        raise opening_error(error, source) from None


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """An empty file in the target's directory, for this user alone; gone at the end unless it was renamed."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise InboxError(f"{target} cannot be written: {error.strerror}") from None
    os.close(descriptor)
    new = Path(name)
    try:
        yield new
    finally:
        for path in (new, *companions(new)):
            path.unlink(missing_ok=True)


def _copy(connection: sqlite3.Connection, new: Path, progress: Progress | None) -> None:
    def after_step(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)
        if remaining:
            time.sleep(_PAUSE)

    with closing(sqlite3.connect(new, isolation_level=None)) as copy:
        connection.backup(copy, pages=_STEP_PAGES, progress=after_step)


def _settle(new: Path) -> None:
    """Make one file of a copy: a backup needs no log beside it, and can lie where nothing can be written."""
    with closing(sqlite3.connect(new, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()


def _copying_error(error: sqlite3.Error, source: Path, target: Path) -> RouterError:
    code = primary_code(error)
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return InboxError(
            f"{source} could not be copied to {target}: {error}. Nothing is left of it; look at the disks"
        )
    return opening_error(error, source)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
