"""Certificates on disk, so that a restart needs no network. What is read back is checked again by who asked for it."""

import hashlib
import logging
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from receiver.events import log

_HOST = re.compile(r"https?://([a-z0-9.-]{1,100})")
_LARGEST = 65536

logger = logging.getLogger(__name__)


class CertificateShelf:
    """A directory with one file for each URL, the oldest removed beyond `most`. A disk that fails costs only speed."""

    def __init__(self, directory: Path, most: int = 64) -> None:
        self._directory = directory
        self._most = most

    def load(self, url: str) -> bytes | None:
        """What was saved for a URL; None where nothing is, or it cannot be read."""
        path = self._path(url)
        try:
            with path.open("rb") as file:
                return file.read(_LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            log(logger, logging.WARNING, "certificate_cache_unreadable", file=path, error=error.strerror)
            return None

    def save(self, url: str, data: bytes) -> None:
        """Keep `data` for a URL: after a crash the file is whole or not there. Failures are logged, never raised."""
        path = self._path(url)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(path, data)
            self._prune()
        except OSError as error:
            log(logger, logging.WARNING, "certificate_cache_unwritable", file=path, error=error.strerror)

    def _write(self, path: Path, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self._directory, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError:
            with suppress(OSError):
                Path(temporary).unlink()
            raise

    def _prune(self) -> None:
        """Bound the files, those included that a killed process left half-written."""
        kept = [*self._directory.glob("*.crt"), *self._directory.glob(".*.part")]
        files = sorted(kept, key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[self._most :]:
            file.unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        host = _HOST.match(url)
        digest = hashlib.sha256(url.encode()).hexdigest()[:32]
        return self._directory / f"{host[1] if host else 'url'}-{digest}.crt"
