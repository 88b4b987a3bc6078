"""One daemon a database: a lock file beside it, held as long as the process lives."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from receiver.errors import InboxError

_ORPHAN_SECONDS = 10.0
_LOOK = 0.01


class OwnerLock:
    """Holds `DATABASE.lock` with flock(2), which the kernel lets go of however the process ends."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self.path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises InboxError naming the process that has it.

        A daemon that was killed leaves its writer for a moment, which ends with the transaction it is in: that is
        waited for.
        """
        descriptor = self._open()
        ends = time.monotonic() + _ORPHAN_SECONDS
        while not _locked(descriptor):
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            if time.monotonic() < ends and _is_gone(holder):
                time.sleep(_LOOK)
                continue
            os.close(descriptor)
            raise InboxError(
                f"the inbox {self._database} is in use by another spapi-router (pid {holder}): "
                "stop that one, or give this one a database of its own under [inbox] database"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    @property
    def descriptor(self) -> int:
        """The open lock file, for a process that is to hold the lock too."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def owner(self) -> int | None:
        """The process that holds the lock (0 where it did not say which), None where nobody does.

        Raises InboxError where the lock file cannot be looked at.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InboxError(f"the inbox's lock file {self.path} cannot be read: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 32, 0).strip()
            return int(holder) if holder.isdigit() else 0
        finally:
            os.close(descriptor)
        return None

    def release(self) -> None:
        """Let go of the lock. The file stays: removing it could let two in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise InboxError(
                f"the inbox's lock file {self.path} cannot be opened: {error.strerror}. "
                "Its directory must exist and be writable for this user"
            ) from None


def _locked(descriptor: int) -> bool:
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_gone(holder: str) -> bool:
    """Whether the process that wrote its number into the lock file has ended."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OverflowError, OSError):
        return False
    return False
