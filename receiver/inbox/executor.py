"""What does the writer's work: all jobs of a batch in one transaction, and no job hurt by another."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from receiver.inbox.commit import Commit
from receiver.inbox.connection import breaks_connection, is_damage, is_environmental
from receiver.inbox.transaction import Parts, Transaction

P = TypeVar("P")
R = TypeVar("R")
Operation = Callable[[Transaction, list[P]], Sequence[R]]
"""Does many payloads of one kind in a transaction and returns a result for each, in their order.

It is a module's function, and payloads and results can be pickled: they pass between processes.
"""

MOST_JOBS = 256
"""Jobs of one transaction."""


@dataclass(slots=True)
class Job:
    """A payload for an operation, and once it is done its result or the error instead."""

    operation: Operation[Any, Any]
    payload: Any
    result: Any = None
    error: BaseException | None = None


class Executor:
    """Owns the connection that writes. `connect` opens it, also anew after the disk failed."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], translate: Callable[[BaseException], BaseException]
    ) -> None:
        self._connect = connect
        self._translate = translate
        self._connection: sqlite3.Connection | None = None
        self._parts = Parts()
        self.commit: Commit | None = None
        """The last transaction that was committed."""

    def perform(self, jobs: list[Job]) -> None:
        """Do jobs and commit: each has its result then, or the error that `translate` made."""
        try:
            self._commit(jobs)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
            damaged = self._connection is not None and is_damage(error)
            self._undo(error)
            if len(jobs) == 1 or (is_environmental(error) and not damaged):
                for job in jobs:
                    job.error = self._translate(error)
                return
            # A damaged page concerns who meets it, of many jobs one as a rule: halves find it in few transactions.
            size = len(jobs) // 2 if damaged else 1
            for first in range(0, len(jobs), size):
                self.perform(jobs[first : first + size])

    def between(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do something with the connection while no transaction is open, if there is a connection."""
        if self._connection is not None:
            work(self._connection)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _commit(self, jobs: list[Job]) -> None:
        if self._connection is None:
            self._connection = self._connect()
        began = time.time()
        transaction = Transaction(self._connection, self._parts)
        transaction.execute("BEGIN IMMEDIATE")
        for operation, group in _by_operation(jobs).items():
            results = operation(transaction, [job.payload for job in group])
            for job, result in zip(group, results, strict=True):
                job.result = result
        transaction.write_counts()
        committing = time.time()
        transaction.commit()
        self.commit = Commit(len(jobs), began, committing, time.time())

    def _undo(self, error: BaseException) -> None:
        self._parts.failed()
        if self._connection is None:
            return
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        if breaks_connection(error):
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _by_operation(jobs: list[Job]) -> dict[Operation[Any, Any], list[Job]]:
    groups: dict[Operation[Any, Any], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.operation, []).append(job)
    return groups
