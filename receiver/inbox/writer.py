"""The thread that writes: all waiting jobs go into one transaction and are answered after its commit.

While one batch is being committed the next gathers, so an idle inbox commits at once and a busy one in large batches.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from receiver.errors import InboxError
from receiver.inbox.connection import breaks_connection, is_environmental
from receiver.inbox.transaction import Transaction

P = TypeVar("P")
R = TypeVar("R")
Operation = Callable[[Transaction, list[P]], Sequence[R]]
"""Does many payloads of one kind in a transaction and returns a result for each, in their order."""

_MOST_JOBS = 256


@dataclass(slots=True)
class _Job:
    operation: Operation[Any, Any]
    payload: Any
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Owns the connection that writes. `connect` opens it, also anew after the disk failed."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], translate: Callable[[BaseException], BaseException]
    ) -> None:
        self._connect = connect
        self._translate = translate
        self._connection: sqlite3.Connection | None = None
        self._loop = asyncio.get_running_loop()
        self._batches: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._waiting: list[_Job] = []
        self._busy = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="inbox-writer", daemon=True)
        self._thread.start()

    async def run(self, operation: Operation[P, R], payload: P) -> R:
        """Do a payload in the next transaction; returns once that is on disk.

        Raises what `translate` makes of an error; the other jobs of the batch are not touched by it.
        """
        if self._closed:
            raise InboxError("the inbox is closed")
        future: asyncio.Future[R] = self._loop.create_future()
        self._waiting.append(_Job(operation, payload, future))
        if len(self._waiting) == 1 and not self._busy:
            # After what is ready in this turn of the loop: all of its jobs make one batch, and the thread does not
            # contend for the interpreter with the loop that is still making them.
            self._loop.call_soon(self._hand_over)
        return await future

    async def close(self) -> None:
        """Finish what waits and close the connection."""
        if not self._closed:
            self._closed = True
            if not self._busy:
                self._hand_over()
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        """Give what waits to the thread, which is idle."""
        if self._waiting:
            self._busy = True
            self._batches.put(self._waiting[:_MOST_JOBS])
            del self._waiting[:_MOST_JOBS]
        elif self._closed:
            self._batches.put(None)

    def _answered(self, jobs: list[_Job]) -> None:
        """In the loop, after a batch: answer it, then hand the next one over."""
        self._busy = False
        _answer(jobs)
        if self._waiting or self._closed:
            self._loop.call_soon(self._hand_over)

    def _work(self) -> None:
        while (jobs := self._batches.get()) is not None:
            self._perform(jobs)
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answered, jobs)
        if self._connection is not None:
            self._connection.close()

    def _perform(self, jobs: list[_Job]) -> None:
        try:
            self._commit(jobs)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
            self._undo(error)
            if len(jobs) == 1 or is_environmental(error):
                for job in jobs:
                    job.error = self._translate(error)
                return
            for job in jobs:
                self._perform([job])

    def _commit(self, jobs: list[_Job]) -> None:
        if self._connection is None:
            self._connection = self._connect()
        transaction = Transaction(self._connection)
        transaction.execute("BEGIN IMMEDIATE")
        for operation, group in _by_operation(jobs).items():
            results = operation(transaction, [job.payload for job in group])
            for job, result in zip(group, results, strict=True):
                job.result = result
        transaction.write_counts()
        transaction.execute("COMMIT")

    def _undo(self, error: BaseException) -> None:
        if self._connection is None:
            return
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        if breaks_connection(error):
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _by_operation(jobs: list[_Job]) -> dict[Operation[Any, Any], list[_Job]]:
    groups: dict[Operation[Any, Any], list[_Job]] = {}
    for job in jobs:
        groups.setdefault(job.operation, []).append(job)
    return groups


def _answer(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
