"""A file of lines that survives crashes, full disks and other writers; rotated by size."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

_FILE_MODE = 0o640
_DIRECTORY_MODE = 0o750
_MOST_REOPENINGS = 100


@dataclass(frozen=True, slots=True)
class LineFile:
    """A file that is opened for each group of lines, so that it may be moved away at any time.

    Writers of this and of other processes take turns by flock(2). Everything here blocks.
    """

    path: Path
    rotate: int
    """Bytes from which a new file is begun; a line longer than that has a file of its own."""
    keep: int
    """How many older files stay, as PATH.1 (the newest) and so on."""
    fsync: bool

    def append(self, lines: Sequence[bytes]) -> int:
        """Write as many of the lines, in order and each with a line end, as one file takes; how many, at least one.

        They are on disk then, where `fsync` is set. After an error none of them is. Raises OSError.
        """
        while True:
            with self._locked() as descriptor:
                size = os.fstat(descriptor).st_size
                fitting = self._fitting(lines, size)
                if fitting:
                    self._write(descriptor, lines[:fitting], size)
                    return fitting
                self._rotate()

    def check(self) -> None:
        """Raises OSError where the file cannot be written to."""
        with self._locked():
            pass

    def _fitting(self, lines: Sequence[bytes], size: int) -> int:
        for place, line in enumerate(lines):
            size += len(line) + 1
            if size > self.rotate:
                return place or int(size == len(line) + 1)
        return len(lines)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """The file, open and locked; opened anew where another writer has just rotated it."""
        for _ in range(_MOST_REOPENINGS):
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if self._is_current(descriptor):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)
        raise OSError(f"{self.path} is moved away again and again")

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(self.path, flags, _FILE_MODE)
        except FileNotFoundError:
            self.path.parent.mkdir(_DIRECTORY_MODE, parents=True, exist_ok=True)
            descriptor = os.open(self.path, flags, _FILE_MODE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{self.path} is not a regular file")
        return descriptor

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def _write(self, descriptor: int, lines: Sequence[bytes], size: int) -> None:
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = memoryview((b"\n" if torn else b"") + b"\n".join(lines) + b"\n")
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            if self.fsync:
                os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        if self.fsync and size == 0:
            self._sync_directory()

    def _rotate(self) -> None:
        """Move PATH to PATH.1, PATH.1 to PATH.2 and so on, the oldest first: a crash in between loses nothing."""
        for number in count(max(self.keep, 1)):
            if not self._numbered(number).exists():
                break
            self._numbered(number).unlink()
        for number in range(self.keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._numbered(number).rename(self._numbered(number + 1))
        if self.keep:
            self.path.rename(self._numbered(1))
        else:
            self.path.unlink()
        if self.fsync:
            self._sync_directory()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _sync_directory(self) -> None:
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
