"""What metrics and alerts ask of the database: figures of the whole inbox, by a thread and a connection of their own.

Apart from `receiver.inbox.queries`, so that no lane waits behind a figure. The counts come from the tally, whatever
lies in the inbox; the oldest deliveries from indexes that hold only what is open.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from receiver.errors import Unavailable
from receiver.inbox.connection import uri
from receiver.inbox.listing import State
from receiver.inbox.schema import NOTIFICATIONS, STATES
from receiver.notification import INTERNAL_TOPIC

_TALLY = "SELECT handler, state, count FROM tally"
_OLDEST: Mapping[State, str] = {
    State.WAITING: "SELECT handler, min(id) FROM deliveries INDEXED BY deliveries_due WHERE state = 0 GROUP BY handler",
    State.BLOCKED: (
        "SELECT handler, min(id) FROM deliveries INDEXED BY deliveries_line "
        "WHERE key IS NOT NULL AND state IN (0, 1) AND state = 1 GROUP BY handler"
    ),
    State.RUNNING: (
        "SELECT handler, min(id) FROM deliveries INDEXED BY deliveries_leased WHERE state = 2 GROUP BY handler"
    ),
}
_CREATED = "SELECT created_at FROM deliveries WHERE id = ?"
_LAST = (
    "SELECT received_at FROM notifications INDEXED BY notifications_received WHERE topic != ? "
    "ORDER BY received_at DESC LIMIT 1"
)
_SIZES = (
    "SELECT page_count * page_size, freelist_count * page_size "
    "FROM pragma_page_count(), pragma_page_size(), pragma_freelist_count()"
)
_SUBSCRIPTIONS = "SELECT topic, state FROM subscriptions"
_SHARE = 0.05
_SHORTEST = 2.0
_BUSY = 2.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The inbox at one moment. Times are seconds since the epoch, sizes bytes."""

    deliveries: Mapping[tuple[str, State], int] = field(default_factory=dict)
    """By handler and state."""
    oldest: Mapping[tuple[str, State], float] = field(default_factory=dict)
    """When the oldest delivery of a handler in an open state was made."""
    notifications: int = 0
    last_received: float | None = None
    """When the newest of Amazon's notifications came, None where there is none."""
    database_bytes: int = 0
    free_bytes: int = 0
    """Of the database: what lies unused in it."""
    wal_bytes: int = 0
    disk_free_bytes: int = 0
    """Of the file system: what the daemon may still use."""
    subscriptions: Mapping[str, str] = field(default_factory=dict)
    """The state of each topic's subscription."""


class Measures:
    """Takes the figures, no more often than costs a twentieth of one processor; meanwhile the last ones stand."""

    def __init__(self, path: Path, ticks: Callable[[], float] = time.monotonic) -> None:
        """`ticks` is a monotonic clock in seconds."""
        self._path = path
        self._ticks = ticks
        self._taking = asyncio.Lock()
        self._last: Figures | None = None
        self._stands_until = 0.0

    async def take(self) -> Figures:
        """The figures, at most a few seconds old. Raises Unavailable."""
        async with self._taking:
            if self._last is None or self._ticks() >= self._stands_until:
                began = self._ticks()
                self._last = await asyncio.to_thread(self._figures)
                ended = self._ticks()
                self._stands_until = ended + max(_SHORTEST, (ended - began) / _SHARE)
            return self._last

    def _figures(self) -> Figures:
        try:
            connection = sqlite3.connect(uri(self._path, "ro"), uri=True, timeout=_BUSY, isolation_level=None)
            with closing(connection):
                return _read(connection, self._path)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable("inbox_figures", f"the inbox {self._path} cannot be measured now: {error}") from None


def _read(connection: sqlite3.Connection, path: Path) -> Figures:
    tally = {(handler, state): count for handler, state, count in connection.execute(_TALLY)}
    database, free = connection.execute(_SIZES).fetchone()
    last = connection.execute(_LAST, (INTERNAL_TOPIC,)).fetchone()
    wal, disk = _sizes(path)
    return Figures(
        notifications=tally.pop(("", NOTIFICATIONS), 0),
        deliveries={(handler, STATES[state]): count for (handler, state), count in tally.items()},
        oldest=_oldest(connection, {STATES[state] for (_, state), count in tally.items() if count}),
        last_received=last[0] if last else None,
        database_bytes=database,
        free_bytes=free,
        wal_bytes=wal,
        disk_free_bytes=disk,
        subscriptions=dict(connection.execute(_SUBSCRIPTIONS).fetchall()),
    )


def _oldest(connection: sqlite3.Connection, states: set[State]) -> dict[tuple[str, State], float]:
    """Ids grow with the time of making, but for those of one transaction: the indexes alone tell the oldest."""
    oldest = {}
    for state, text in _OLDEST.items():
        for handler, id_ in connection.execute(text).fetchall() if state in states else ():
            row = connection.execute(_CREATED, (id_,)).fetchone()
            if row is not None:
                oldest[handler, state] = row[0]
    return oldest


def _sizes(path: Path) -> tuple[int, int]:
    """Bytes of the write-ahead log, and those that are free beside it."""
    wal = path.with_name(path.name + "-wal")
    space = os.statvfs(path.parent)
    return wal.stat().st_size if wal.exists() else 0, space.f_bavail * space.f_frsize
