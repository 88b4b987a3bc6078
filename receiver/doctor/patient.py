"""What the checks look at: the rules file, the inbox, the daemon that may run, and the ways to the world."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from receiver.config import Configuration
from receiver.doctor.probe import Probe
from receiver.errors import RouterError
from receiver.inbox import SqliteInbox
from receiver.inbox.lock import OwnerLock
from receiver.presence import NOTE, Presence
from receiver.sns import Roots

_PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Ways:
    """How the world is reached. Tests and simulators bring their own."""

    probe: Probe
    roots: Roots | None = None
    """The roots of trust, the system's where none are given."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    url: str = ""
    """The URL that is subscribed to the topic, where it was given."""


@dataclass(frozen=True, slots=True)
class Patient:
    """A router as it was found."""

    config: Configuration
    ways: Ways
    inbox: SqliteInbox | None
    inbox_error: str
    """Why there is no inbox to read; empty where there is."""
    owner: int | None
    """The process id of the daemon that runs on this inbox (0 where it is not known), None where none runs."""
    owner_error: str
    """Why that cannot be told; empty where it can."""
    presence: Presence | None
    """What that daemon has left about itself."""
    environ: Mapping[str, str] | None
    """That daemon's environment, None where it may not be read; this program's where no daemon runs."""

    @property
    def runs(self) -> bool:
        """Whether a daemon runs on this inbox."""
        return self.owner is not None


@asynccontextmanager
async def admitted(config: Configuration, ways: Ways, environ: Mapping[str, str]) -> AsyncIterator[Patient]:
    """A patient; `environ` is this program's environment. Never raises for the state that the router is in."""
    owner, owner_error = _owner(config.inbox.database)
    inbox, error = await _inbox(config.inbox.database)
    try:
        presence = await _presence(inbox, owner) if inbox else None
        theirs = environ if owner is None else _environ_of(owner)
        yield Patient(config, ways, inbox, error, owner, owner_error, presence, theirs)
    finally:
        if inbox:
            await inbox.close()


def _owner(database: Path) -> tuple[int | None, str]:
    try:
        return OwnerLock(database).owner(), ""
    except RouterError as error:
        return None, str(error)


async def _inbox(database: Path) -> tuple[SqliteInbox | None, str]:
    try:
        return await SqliteInbox.read(database), ""
    except (RouterError, OSError) as error:
        return None, str(error)


async def _presence(inbox: SqliteInbox, owner: int | None) -> Presence | None:
    """The note of the daemon that runs now: one of an earlier daemon says nothing."""
    try:
        note = (await inbox.notes(NOTE)).get(NOTE)
        presence = Presence.decode(note) if note else None
    except (RouterError, ValueError):
        return None
    return presence if presence and presence.pid == owner else None


def _environ_of(pid: int) -> Mapping[str, str] | None:
    """A process's environment, None where this user may not read it."""
    try:
        content = (_PROCESSES / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    pairs = (entry.decode("utf-8", "surrogateescape").partition("=") for entry in content.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}
