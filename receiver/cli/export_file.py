"""The file of an export: whole lines for this user alone, and where a broken off one is to be gone on with."""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import orjson

from receiver.errors import RouterError

_MODE = 0o600


@contextmanager
def opened(path: Path, *, resume: bool, force: bool) -> Iterator[tuple[BinaryIO, int]]:
    """A file to append lines to, and the id in its last whole line, 0 where it has none; on disk at the end.

    Raises RouterError for a file that is there (unless `resume` or `force`), that holds no export, that another
    export writes, or that cannot be written.
    """
    try:
        with os.fdopen(_descriptor(path, resume, force), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if force and os.fstat(file.fileno()).st_size:
                file.truncate()
            last = _torn_off(file, path) if resume else 0
            yield file, last
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        if path.is_dir():
            raise RouterError(f"{path} is a directory: name a file in it") from None
        raise RouterError(f"{path} is there already: go on with it (--resume) or write over it (--force)") from None
    except BlockingIOError:
        raise RouterError(f"{path} is being written by another export: wait for its end") from None
    except OSError as error:
        known = not isinstance(error, PermissionError) and path.exists() and not path.is_dir()
        cure = "; what it has can be gone on with: --resume" if known else ""
        raise RouterError(f"{path} cannot be written: {error.strerror}{cure}") from None


def _descriptor(path: Path, resume: bool, force: bool) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    if not (force or resume):
        flags |= os.O_EXCL
    return os.open(path, flags, _MODE)


def _torn_off(file: BinaryIO, path: Path) -> int:
    """Cut a line that was not finished, and leave the place behind the last whole one; that one's id."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        return 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = content.rfind(b"\n") + 1
        line = content[content.rfind(b"\n", 0, max(end - 1, 0)) + 1 : end]
    last = _id_of(line, path) if line else 0
    file.truncate(end)
    file.seek(end)
    return last


def _id_of(line: bytes, path: Path) -> int:
    try:
        id_ = orjson.loads(line)["id"]
    except (ValueError, TypeError, KeyError):
        id_ = None
    if not isinstance(id_, int):
        raise RouterError(f"{path} holds no export of an inbox, so it cannot be gone on with: name another file")
    return id_
