"""Putting a backup in the inbox's place, with the inbox before it moved aside.

Source: SQLite's page on how to corrupt a database (a file must not meet the log of another one).
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from receiver.errors import InboxError
from receiver.inbox.backup import Contents, companions, put_in_place, require_space, sound
from receiver.inbox.connection import uri
from receiver.inbox.ownership import give, owned
from receiver.reach import is_there

_FILE_MODE = 0o640


def restore(backup: Path, path: Path, label: str) -> tuple[Contents, list[Path]]:
    """Put a backup in the place of the inbox at `path`; what it holds, and where the inbox before it lies now.

    The old files are kept as `NAME.LABEL`. Raises InboxError where a daemon runs, the backup is not sound, or there
    is no room; the inbox is then as it was.
    """
    _check(backup, path)
    with owned(path):
        contents = sound(backup)
        require_space(path.parent, contents.bytes, f"the inbox {path}")
        new = path.with_name(f".{path.name}.restored")
        try:
            _copy(backup, new, path.parent)
            aside = _move_aside(path, label)
            put_in_place(new, path)
        except OSError as error:
            raise InboxError(f"{path} cannot be restored: {error.strerror} ({error.filename})") from None
        finally:
            new.unlink(missing_ok=True)
    return contents, aside


def look(backup: Path, path: Path) -> Contents:
    """What a backup holds that could be put in the place of the inbox at `path`. Raises InboxError as `restore` does.

    A daemon may still run on that inbox.
    """
    _check(backup, path)
    return sound(backup)


def _check(backup: Path, path: Path) -> None:
    if not is_there(backup) or not backup.is_file():
        raise InboxError(f"there is no backup {backup}")
    if not path.parent.is_dir():
        raise InboxError(f"there is no directory {path.parent} for the inbox: make it for the daemon's user")
    if is_there(path) and backup.samefile(path):
        raise InboxError(f"{backup} is the inbox itself: name a backup")
    if left := companions(backup):
        raise InboxError(f"{left[0]} belongs to {backup.name}: it is in use, or was cut off, and is no finished backup")


def _copy(backup: Path, new: Path, directory: Path) -> None:
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))
    shutil.copyfile(backup, new)
    give(new, directory)


def _move_aside(path: Path, label: str) -> list[Path]:
    """Rename the inbox, then what belongs to it: broken off in between, no older state of it is taken for the inbox."""
    _write_log_back(path)
    moved = []
    for old in [*([path] if path.exists() else []), *companions(path)]:
        aside = old.with_name(f"{old.name}.{label}")
        old.replace(aside)
        moved.append(aside)
    return moved


def _write_log_back(path: Path) -> None:
    """Make the old inbox one file, unless it is damaged: then its log is worth as much as the rest."""
    with suppress(sqlite3.Error):
        _asked(uri(path, "ro") + "&immutable=1", "SELECT count(*) FROM sqlite_master")
        _asked(uri(path, "rw"), "PRAGMA wal_checkpoint(TRUNCATE)")


def _asked(location: str, statement: str) -> None:
    with closing(sqlite3.connect(location, uri=True, isolation_level=None)) as connection:
        connection.execute(statement).fetchone()
