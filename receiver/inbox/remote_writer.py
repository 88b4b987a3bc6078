"""The inbox's writer as a process of its own: a second core, and no interpreter lock shared with the event loop.

SQLite's calls give the lock away and wait for it again at every step, so a writer thread and a busy event loop cost
each other more than the writing itself. The process is forked before the event loop and its threads exist; the two
halves speak over a socket pair, and the end of one is seen by the other as its end of file.
"""

import asyncio
import os
import pickle
import signal
import socket
import traceback
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from receiver import garbage
from receiver.errors import InboxError, Unavailable
from receiver.inbox.checkpoints import Checkpoints
from receiver.inbox.commit import Commit, Commits
from receiver.inbox.connection import connect, translated
from receiver.inbox.executor import MOST_JOBS, Executor, Job, Operation
from receiver.inbox.frames import Frames, frame
from receiver.inbox.writer import settle

P = TypeVar("P")
R = TypeVar("R")
Asked = tuple[Operation[Any, Any], Any, asyncio.Future[Any]]

_CHUNK = 1 << 20
_FEWEST_JOBS = 32
"""Jobs that are worth a transaction while others wait."""
_LARGE_SHARE, _SMALL_SHARE = 0.25, 0.05
"""Of a transaction's time, what the commit may take before more jobs share one, and below which fewer do."""
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class WriterProcess:
    """The forked half, waiting to be told which database is its own."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self._channel = channel

    @classmethod
    def fork(cls) -> "WriterProcess":
        """Split the process. To be called while it has one thread, and no event loop."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            ours.close()
            _live(theirs)
        theirs.close()
        return cls(pid, ours)

    async def open(self, path: Path, busy_timeout: float, lock: int) -> "RemoteWriter":
        """Give the process its database, and the descriptor of the lock that it holds together with this one."""
        socket.send_fds(self._channel, [frame((path, busy_timeout))], [lock])
        self._channel.setblocking(False)
        loop = asyncio.get_running_loop()
        _, writer = await loop.create_unix_connection(partial(RemoteWriter, self.pid), sock=self._channel)
        return writer


class RemoteWriter(asyncio.Protocol):
    """A Writer whose work is done by a WriterProcess. What gathers in a turn of the loop is sent in one go."""

    def __init__(self, pid: int) -> None:
        self.commits = Commits()
        self._pid = pid
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._waiting: list[Asked] = []
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._closed = False
        self._gone: asyncio.Future[None] = self._loop.create_future()

    def run(self, operation: Operation[P, R], payload: P) -> asyncio.Future[R]:
        if self._closed:
            raise InboxError("the inbox is closed")
        if self._gone.done():
            raise _gone()
        future: asyncio.Future[R] = self._loop.create_future()
        self._waiting.append((operation, payload, future))
        if len(self._waiting) == 1:
            self._loop.call_soon(self._hand_over)
        elif len(self._waiting) >= _FEWEST_JOBS:
            # Not only at the end of this turn of the loop: the two halves would take turns, each waiting for the other.
            self._hand_over()
        return future

    async def ended(self) -> None:
        await asyncio.shield(self._gone)

    async def close(self) -> None:
        self._closed = True
        self._hand_over()
        if not self._gone.done() and self._transport.can_write_eof():
            self._transport.write_eof()
        await self._gone
        await asyncio.to_thread(os.waitpid, self._pid, 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for answers, commit in self._frames.feed(data):
                self.commits.add(commit)
                for result, error in answers:
                    settle(self._asked.popleft(), result, error)
        except BaseException:
            # Which answer belongs to whom is not known any more, for want of memory for instance.
            self._transport.abort()
            raise

    def connection_lost(self, exc: Exception | None) -> None:
        for future in self._asked:
            settle(future, None, _gone())
        self._asked.clear()
        self._gone.set_result(None)

    def _hand_over(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._gone.done():
            for _, _, future in waiting:
                settle(future, None, _gone())
            return
        try:
            self._send(waiting)
        except Exception:  # noqa: BLE001 - whatever keeps one of them from being pickled
            for each in waiting:
                self._send_alone(each)

    def _send(self, waiting: list[Asked]) -> None:
        """Raises what keeps a payload from being pickled."""
        if not waiting:
            return
        data = frame([(operation, payload) for operation, payload, _ in waiting])
        try:
            self._asked.extend([future for _, _, future in waiting])
            self._transport.write(data)
        except BaseException:
            self._transport.abort()
            raise

    def _send_alone(self, asked: Asked) -> None:
        try:
            self._send([asked])
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
            settle(asked[2], None, error)


def _gone() -> Unavailable:
    return Unavailable("inbox_process", "the process that writes the inbox has ended")


def _live(channel: socket.socket) -> NoReturn:
    """The forked half's whole life: it ends with its channel, and never returns into the program it came from."""
    status = 1
    try:
        for ignored in _IGNORED:
            signal.signal(ignored, signal.SIG_IGN)
        garbage.spare()
        _work(channel)
        status = 0
    except (BrokenPipeError, ConnectionResetError):
        status = 0
    except BaseException:  # noqa: BLE001 - nobody is above
        traceback.print_exc()
    finally:
        os._exit(status)


def _work(channel: socket.socket) -> None:
    opening, descriptors, _, _ = socket.recv_fds(channel, _CHUNK, 1)
    if not opening:
        return
    frames = Frames()
    (path, busy_timeout), *early = frames.feed(opening)
    open_ = partial(connect, path, "rw", busy_timeout)
    checkpoints = Checkpoints(open_)
    executor = Executor(lambda: checkpoints.leave_to_others(open_()), partial(translated, path=path))
    jobs = _jobs(early)
    size = _FEWEST_JOBS
    while jobs or (jobs := _receive(channel, frames)):
        now, jobs = jobs[:size], jobs[size:]
        executor.perform(now)
        channel.sendall(frame((_answers(now), executor.commit)))
        size = _next_size(size, executor.commit)
        executor.between(checkpoints.committed)
    checkpoints.close()
    executor.close()
    for descriptor in descriptors:
        os.close(descriptor)


def _next_size(size: int, commit: Commit | None) -> int:
    """How many jobs the next transaction may have.

    Few, so that the other half has answers to work on while this one goes on with the rest; but more where the way to
    the disk is long beside the work itself.
    """
    if commit is None or commit.jobs < size:
        return size
    share = (commit.ended - commit.committing) / max(commit.ended - commit.began, 1e-9)
    if share > _LARGE_SHARE:
        return min(2 * size, MOST_JOBS)
    return max(size // 2, _FEWEST_JOBS) if share < _SMALL_SHARE else size


def _receive(channel: socket.socket, frames: Frames) -> list[Job]:
    """All jobs that have come, at least one; none when the other half is gone."""
    jobs: list[Job] = []
    while not jobs:
        data = channel.recv(_CHUNK)
        if not data:
            return []
        jobs = _jobs(frames.feed(data))
    return jobs


def _jobs(batches: Iterable[Sequence[tuple[Operation[Any, Any], Any]]]) -> list[Job]:
    return [Job(operation, payload) for batch in batches for operation, payload in batch]


def _answers(jobs: Sequence[Job]) -> list[tuple[Any, BaseException | None]]:
    return [(job.result, job.error if job.error is None else _portable(job.error)) for job in jobs]


def _portable(error: BaseException) -> BaseException:
    """An error that arrives at the other half: itself where it can be pickled, else one with its text."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what was just made
    except Exception:  # noqa: BLE001 - whatever keeps it from being pickled
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
