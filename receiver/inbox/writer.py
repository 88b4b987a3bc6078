"""Who does the inbox's writing: here a thread, in `receiver.inbox.remote_writer` a process.

While one batch is being committed the next gathers, so an idle inbox commits at once and a busy one in large batches.
"""

import asyncio
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from receiver.errors import InboxError
from receiver.inbox.commit import Commit, Commits
from receiver.inbox.executor import MOST_JOBS, Executor, Job, Operation

P = TypeVar("P")
R = TypeVar("R")
Pair = tuple[Job, asyncio.Future[Any]]


class Writer(Protocol):
    """Does payloads in transactions."""

    commits: Commits
    """Tells of each transaction, before those who wait for it are answered."""

    def run(self, operation: Operation[P, R], payload: P) -> asyncio.Future[R]:
        """Do a payload in the next transaction; done once that is on disk. Raises InboxError once closed.

        Fails with Unavailable where that is not possible now; the other jobs of the batch are not touched by an error.
        """
        ...

    async def ended(self) -> None:
        """Wait for an end that nobody asked for."""
        ...

    async def close(self) -> None:
        """Finish what waits and let go of the database."""
        ...


class ThreadWriter:
    """A Writer with a thread of this process: for commands, and wherever speed is not what counts."""

    def __init__(self, executor: Executor) -> None:
        self.commits = Commits()
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._batches: SimpleQueue[list[Pair] | None] = SimpleQueue()
        self._waiting: list[Pair] = []
        self._busy = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="inbox-writer", daemon=True)
        self._thread.start()

    def run(self, operation: Operation[P, R], payload: P) -> asyncio.Future[R]:
        if self._closed:
            raise InboxError("the inbox is closed")
        future: asyncio.Future[R] = self._loop.create_future()
        self._waiting.append((Job(operation, payload), future))
        if len(self._waiting) == 1 and not self._busy:
            # After what is ready in this turn of the loop: all of its jobs make one batch, and the thread does not
            # contend for the interpreter with the loop that is still making them.
            self._loop.call_soon(self._hand_over)
        return future

    async def ended(self) -> None:
        """A thread ends with its process: wait for ever."""
        await self._loop.create_future()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            if not self._busy:
                self._hand_over()
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        """Give what waits to the thread, which is idle."""
        if self._waiting:
            self._busy = True
            self._batches.put(self._waiting[:MOST_JOBS])
            del self._waiting[:MOST_JOBS]
        elif self._closed:
            self._batches.put(None)

    def _answered(self, pairs: list[Pair], commit: Commit | None) -> None:
        """In the loop, after a batch: answer it, then hand the next one over."""
        self._busy = False
        self.commits.add(commit)
        for job, future in pairs:
            settle(future, job.result, job.error)
        if self._waiting or self._closed:
            self._loop.call_soon(self._hand_over)

    def _work(self) -> None:
        while (pairs := self._batches.get()) is not None:
            self._executor.perform([job for job, _ in pairs])
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answered, pairs, self._executor.commit)
        self._executor.close()


def settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Tell whoever waits for a job how it ended."""
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
