"""The files of one document: where it goes, and what it is on the way there."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from handlers.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DocumentFiles:
    """Hidden files beside the target, named by delivery, so that two deliveries do not write into one."""

    target: Path
    part: Path
    """What has been downloaded."""
    made: Path
    """What is being converted."""

    @classmethod
    def of(cls, target: Path, webhook_id: str) -> "DocumentFiles":
        """The files of a delivery."""
        mark = mark_of(webhook_id)
        return cls(target, target.with_name(f".spapi-{mark}.part"), target.with_name(f".spapi-{mark}.tmp"))

    def publish(self) -> None:
        """Put what was made in place of the target, and onto the disk. Raises OSError."""
        self.made.replace(self.target)
        sync_directory(self.target.parent)
        self.part.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what is on the way. Raises OSError."""
        self.part.unlink(missing_ok=True)
        self.made.unlink(missing_ok=True)


def check_directory(directory: Path) -> None:
    """Raises SettingsError where files cannot be made in a directory."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"directory {directory} cannot be made: {error.strerror}") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SettingsError(f"directory {directory} cannot be written to: give it to the daemon's user")


def mark_of(webhook_id: str) -> str:
    """A name of letters and digits that stands for a delivery."""
    return hashlib.sha256(webhook_id.encode()).hexdigest()[:24]


def sync_directory(path: Path) -> None:
    """Have the names in a directory on disk. Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
