"""The inbox in a SQLite file: one daemon owns it, command lines read it and make short changes beside."""

import asyncio
import os
import sqlite3
from array import array
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from receiver.errors import InboxError
from receiver.inbox import intake, leases, repair, seen, sundries
from receiver.inbox.commit import Commits
from receiver.inbox.connection import check_library, connect, existing, opening_error, translated
from receiver.inbox.executor import Executor, Operation
from receiver.inbox.listing import (
    AttemptRow,
    DeliveryFilter,
    DeliveryRow,
    NotificationFilter,
    NotificationRow,
    State,
    Stats,
    Subscription,
)
from receiver.inbox.lock import OwnerLock
from receiver.inbox.migrations import check_kind, check_version, migrate, version_of
from receiver.inbox.pruning import Pruning
from receiver.inbox.queries import Queries
from receiver.inbox.remote_writer import WriterProcess
from receiver.inbox.schema import PROBE, TABLES
from receiver.inbox.store import Accepted, Claim, Entry, Finished, Result, Route
from receiver.inbox.writer import ThreadWriter, Writer

_BUSY_TIMEOUT = 2.0
_FILE_MODE = 0o640
_STEP = 200
"""Deliveries or notifications a transaction of long work."""
_PAGE = 10_000
"""Ids that are read at a time."""

P = TypeVar("P")
R = TypeVar("R")


class SqliteInbox:
    """An Inbox in a SQLite file: `open` for the daemon, `attach` for a command that changes, `read` for one that reads.

    All raise InboxError where the file cannot be used, with what to do. `busy_timeout`: seconds to wait for
    another process's transaction.
    """

    def __init__(self, path: Path, queries: Queries, writer: Writer | None, lock: OwnerLock | None) -> None:
        self.path = path
        self._queries = queries
        self._writer = writer
        self._lock = lock
        self._inherits = lock is not None
        self._version: int | None = None
        self._pruning = Pruning(self.write)

    @classmethod
    async def open(
        cls, path: Path | str, *, busy_timeout: float = _BUSY_TIMEOUT, process: WriterProcess | None = None
    ) -> "SqliteInbox":
        """Open the database as its one owner, made or brought up to date as needed.

        `process` does the writing where one is given, else a thread.
        """
        path = Path(path)
        lock = OwnerLock(path)
        lock.acquire()
        try:
            await asyncio.to_thread(_prepare, path, busy_timeout)
            inbox = await cls._open(path, busy_timeout, lock, process)
        except BaseException:
            lock.release()
            raise
        try:
            await inbox.changed_elsewhere()
        except BaseException:
            await inbox.close()
            raise
        return inbox

    @classmethod
    async def attach(cls, path: Path | str, *, busy_timeout: float = _BUSY_TIMEOUT) -> "SqliteInbox":
        """Open a database that exists beside its owner, to repair deliveries."""
        path = existing(Path(path))
        await asyncio.to_thread(_check, path, busy_timeout)
        return await cls._open(path, busy_timeout, None, None)

    @classmethod
    async def read(cls, path: Path | str, *, busy_timeout: float = _BUSY_TIMEOUT) -> "SqliteInbox":
        """Open a database that exists for reading alone; what would change it raises InboxError."""
        path = existing(Path(path))
        return cls(path, await Queries.open(path, busy_timeout), None, None)

    async def accept(self, entries: Sequence[Entry]) -> list[Accepted]:
        return await self.write(intake.accept, entries)

    async def claim(self, handler: str, limit: int, now: float, lease: float) -> list[Claim]:
        return await self.write(leases.claim, (handler, limit, now, lease))

    def claim_fresh(self, limits: Mapping[str, int], now: float, lease: float) -> Awaitable[list[Claim]]:
        return self.submit(leases.claim_fresh, (limits, now, lease))

    async def finish(self, results: Sequence[Result]) -> Finished:
        return await self.write(leases.finish, results)

    async def extend(self, claims: Sequence[tuple[int, int]], leased_until: float) -> tuple[tuple[int, int], ...]:
        return await self.write(leases.extend, (claims, leased_until))

    async def recover(self, now: float) -> int:
        count = await self.write(leases.recover, (now, self._inherits))
        self._inherits = False
        return count

    async def replay(self, which: DeliveryFilter, now: float, spacing: float = 0.0) -> int:
        return await self._in_steps(repair.replay, which, repair.Step((), repair.FINAL, now, spacing=spacing))

    async def cancel(self, which: DeliveryFilter, now: float, reason: str) -> int:
        return await self._in_steps(repair.cancel, which, repair.Step((), repair.OPEN, now, reason=reason))

    async def reroute(self, notification_id: int, routes: Sequence[Route], now: float) -> tuple[str, ...]:
        return await self.write(intake.reroute, (notification_id, routes, now))

    async def prune(self, before: float, limit: int) -> int:
        return await self._pruning.run(before, limit)

    async def forget(self, before: float, limit: int) -> int:
        return await self._repeated(seen.forget, before, limit)

    async def forget_once(self, before: float, limit: int) -> int:
        return await self._repeated(seen.forget_once, before, limit)

    async def save_subscription(self, subscription: Subscription) -> None:
        await self.write(sundries.save_subscriptions, subscription)

    async def save_note(self, name: str, value: bytes) -> None:
        await self.write(sundries.save_notes, (name, value))

    async def changed_elsewhere(self) -> bool:
        before = self._version
        self._version = await self.write(sundries.data_version, None)
        return before is not None and before != self._version

    async def next_due(self, handler: str) -> float | None:
        return await self._queries.next_due(handler)

    async def count(self, which: DeliveryFilter) -> dict[State, int]:
        return await self._queries.count(which)

    async def notification(self, id: int) -> NotificationRow | None:  # noqa: A002 - the contract's name
        return await self._queries.notification(id)

    async def notifications(self, which: NotificationFilter) -> list[NotificationRow]:
        return await self._queries.notifications(which)

    async def delivery(self, id: int) -> DeliveryRow | None:  # noqa: A002 - the contract's name
        return await self._queries.delivery(id)

    async def deliveries(self, which: DeliveryFilter) -> list[DeliveryRow]:
        return await self._queries.deliveries(which)

    async def attempts(self, delivery_id: int) -> list[AttemptRow]:
        return await self._queries.attempts(delivery_id)

    async def stats(self) -> Stats:
        return await self._queries.stats()

    async def subscriptions(self) -> list[Subscription]:
        return await self._queries.subscriptions()

    async def notes(self, prefix: str) -> dict[str, bytes]:
        return await self._queries.notes(prefix)

    async def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a query of a table beside deliveries finds."""
        return await self._queries.rows(statement, values)

    async def write(self, operation: Operation[P, R], payload: P) -> R:
        """Change a table beside deliveries in the next transaction; returns once that is on disk."""
        return await self.submit(operation, payload)

    def submit(self, operation: Operation[P, R], payload: P) -> asyncio.Future[R]:
        """As `write`, for one who goes on meanwhile. Raises InboxError where nothing can be written."""
        if self._writer is None:
            raise InboxError(f"the inbox {self.path} is open for reading alone")
        return self._writer.run(operation, payload)

    @property
    def commits(self) -> Commits:
        """The transactions of this process's writer, none where it only reads."""
        return Commits() if self._writer is None else self._writer.commits

    async def writer_ended(self) -> None:
        """Wait until nothing can be written any more, though nobody closed the inbox: its process was killed."""
        if self._writer is not None:
            await self._writer.ended()

    async def close(self) -> None:
        """Finish what waits, and let go of the database."""
        await self._queries.close()
        if self._writer is not None:
            await self._writer.close()
        if self._lock is not None:
            self._lock.release()

    @classmethod
    async def _open(
        cls, path: Path, busy_timeout: float, lock: OwnerLock | None, process: WriterProcess | None
    ) -> "SqliteInbox":
        queries = await Queries.open(path, busy_timeout)
        writer: Writer
        if process is not None and lock is not None:
            writer = await process.open(path, busy_timeout, lock.descriptor)
        else:
            writer = ThreadWriter(Executor(partial(connect, path, "rw", busy_timeout), partial(translated, path=path)))
        return cls(path, queries, writer, lock)

    async def _in_steps(self, operation: Operation[repair.Step, int], which: DeliveryFilter, of: repair.Step) -> int:
        """Do a work step by step on the deliveries that a filter means now; how many."""
        ids = await self._meant(which, of.states)
        states, done = repair.states_of(which, of.states), 0
        for start in range(0, len(ids), _STEP):
            now = of.now + done * of.spacing
            step = replace(of, ids=tuple(ids[start : start + _STEP]), states=states, now=now)
            done += await self.write(operation, step)
        return done

    async def _meant(self, which: DeliveryFilter, possible: frozenset[int]) -> "array[int]":
        """The deliveries that a filter means, none that is made from now on: eight bytes each, of millions."""
        last = (await self._queries.rows(repair.LAST))[0][0]
        ids: array[int] = array("q")
        most = last if which.limit is None else which.limit
        while len(ids) < most:
            size = min(_PAGE, most - len(ids))
            text, values = repair.meant(which, possible, ids[-1] if ids else 0, last, size)
            found = await self._queries.rows(text, values)
            ids.extend(row[0] for row in found)
            if len(found) < size:
                break
        return ids

    async def _repeated(self, operation: Operation[tuple[float, int], int], before: float, limit: int) -> int:
        """Do a work by the time of things step by step, no more than a limit; how many."""
        done = 0
        while done < limit:
            size = min(_STEP, limit - done)
            count = await self.write(operation, (before, size))
            done += count
            if count < size:
                break
        return done


def _prepare(path: Path, busy_timeout: float) -> None:
    """Make the database, closed to strangers as it holds buyers' data, or bring it up to date."""
    check_library()
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE))
    except OSError as error:
        raise InboxError(f"the inbox {path} cannot be opened: {error.strerror}; check its owner and modes") from None
    try:
        check_kind(path, empty=True)
        connection = connect(path, "rwc", busy_timeout)
        try:
            migrate(connection, path)
            for table in TABLES:
                connection.execute(PROBE.format(table)).fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise opening_error(error, path) from None


def _check(path: Path, busy_timeout: float) -> None:
    """Refuse a database of another program or version."""
    check_library()
    try:
        check_kind(path, empty=False)
        with closing(connect(path, "rw", busy_timeout)) as connection:
            check_version(version_of(connection), path)
    except sqlite3.Error as error:
        raise opening_error(error, path) from None
