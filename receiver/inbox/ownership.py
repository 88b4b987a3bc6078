"""Owning the inbox in place of the daemon, for works that none may run beside; and files that the daemon must open."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from receiver.inbox.lock import OwnerLock


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold the inbox's lock: no daemon can start on it meanwhile. Raises InboxError where one runs."""
    lock = OwnerLock(path)
    lock.acquire()
    try:
        give(lock.path, path if path.exists() else path.parent)
        yield
    finally:
        lock.release()


def give(path: Path, like: Path) -> None:
    """As root, give a file to the owner and group of another: what root makes, the daemon has to be able to open."""
    if os.geteuid() == 0:
        status = like.stat()
        with suppress(PermissionError):
            os.chown(path, status.st_uid, status.st_gid)
