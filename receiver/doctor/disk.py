"""Whether there is room for what is still to come."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from receiver.doctor.check import Result, finding, ok
from receiver.doctor.patient import Patient

_LEAST_BYTES = 1 << 30
_LEAST_FILES = 1000
_MIB = 1 << 20


async def space_left(patient: Patient) -> Sequence[Result]:
    """Looks at the file system of the inbox: bytes and, where it counts them, files."""
    return [await asyncio.to_thread(_looked_at, patient.config.inbox.database.parent)]


def _looked_at(directory: Path) -> Result:
    """What is left at a directory, or where it will be made."""
    there = next(each for each in (directory, *directory.parents) if each.is_dir())
    return judged(there, os.statvfs(there))


def judged(directory: Path, status: os.statvfs_result) -> Result:
    """What statvfs(3) says, for users other than root."""
    free = status.f_bavail * status.f_frsize
    cure = "free some, or shorten inbox.retention: a full disk makes the daemon answer 503, and SNS stops after an hour"
    if free < _LEAST_BYTES:
        return finding(f"{free // _MIB:,} MiB are left at {directory}, less than {_LEAST_BYTES // _MIB:,}", cure)
    if status.f_files and status.f_favail < _LEAST_FILES:
        return finding(f"room for {status.f_favail} more files is left at {directory}", cure)
    return ok(f"{free // _MIB:,} MiB are left at {directory}")
