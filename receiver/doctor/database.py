"""Whether the inbox can be read and written, and is sound."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from receiver.doctor.check import Result, finding, ok, skipped
from receiver.doctor.patient import Patient
from receiver.errors import Unavailable
from receiver.inbox import SqliteInbox
from receiver.inbox.connection import RESTORE, uri

_SECONDS = 10.0
_STEPS = 10_000
_MIB = 1 << 20
_PROBE = "doctor"
_CURE = f"stop the daemon and {RESTORE}; without one, docs/troubleshooting.md says what can be saved"


async def inbox_writable(patient: Patient) -> Sequence[Result]:
    """Opens it, and writes a note that it takes away again."""
    path = patient.config.inbox.database
    if patient.inbox is None:
        return [_missing(patient, path)]
    size = (await patient.inbox.stats()).database_bytes
    if not os.access(path, os.W_OK):
        if patient.runs:
            return [skipped(f"{path} can be read; whether it can be written, the daemon tells (admin listener)")]
        return [finding(f"{path} is not writable for this user", "check its owner and modes, or run as root")]
    inbox = await SqliteInbox.attach(path)
    try:
        await inbox.save_note(_PROBE, str(patient.ways.clock()).encode())
        await inbox.save_note(_PROBE, b"")
    except Unavailable as error:
        return [finding(error.detail, f"do what that text says; which programs have it open: fuser -v {path}")]
    finally:
        await inbox.close()
    return [ok(f"{path} can be read and written, {size // _MIB:,} MiB")]


async def inbox_sound(patient: Patient) -> Sequence[Result]:
    """Runs SQLite's quick_check for some seconds; a large inbox takes longer."""
    if patient.inbox is None:
        return [skipped("there is no inbox to read")]
    path = patient.config.inbox.database
    try:
        faults = await asyncio.to_thread(quick_check, path, _SECONDS)
    except sqlite3.DatabaseError as error:
        return [finding(f"{path}: {error}", _CURE)]
    if faults is None:
        command = f"sqlite3 {path} 'PRAGMA quick_check'"
        return [skipped(f"nothing wrong was found in {_SECONDS:g} s, and there is more: {command} goes to the end")]
    if faults:
        return [finding(f"{path} is damaged: {'; '.join(faults[:3])}", _CURE)]
    return [ok("SQLite's quick_check finds nothing")]


def quick_check(path: Path, seconds: float) -> list[str] | None:
    """What PRAGMA quick_check finds wrong, None where it did not end in time. Raises sqlite3.DatabaseError."""
    ends = time.monotonic() + seconds
    with closing(sqlite3.connect(uri(path, "ro"), uri=True, isolation_level=None)) as connection:
        connection.set_progress_handler(lambda: int(time.monotonic() > ends), _STEPS)
        try:
            rows = [str(row[0]) for row in connection.execute("PRAGMA quick_check(10)")]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return None
            raise
    return [] if rows == ["ok"] else rows


def _missing(patient: Patient, path: Path) -> Result:
    if path.exists() or patient.runs:
        return finding(patient.inbox_error, "do what that text says; as another user than the daemon's, run as root")
    if not path.parent.is_dir():
        cure = f"make the directory for the daemon's user: as a service, StateDirectory= does it for {path.parent}"
        return finding(f"there is no directory {path.parent} for the inbox", cure)
    return skipped(f"there is no inbox at {path} yet: the daemon makes it")
