"""Writes lines to files from the event loop: off it, one writer for each file, many lines to one fsync."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from handlers.line_file import LineFile

_MOST_AT_ONCE = 1000


class LineWriter:
    """The writers of one handler; a file has one as long as lines wait for it."""

    def __init__(self, open_file: Callable[[Path], LineFile]) -> None:
        self._open_file = open_file
        self._waiting: dict[Path, deque[tuple[bytes, asyncio.Future[None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, path: Path, line: bytes) -> None:
        """Append a line; returns once it is written, and on disk where the file says so. Raises OSError."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(path)
        if waiting is not None:
            waiting.append((line, written))
        else:
            self._waiting[path] = deque([(line, written)])
            task = asyncio.create_task(self._serve(path), name=f"writer of {path}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await written

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _serve(self, path: Path) -> None:
        file, waiting = self._open_file(path), self._waiting[path]
        while waiting:
            group = list(islice(waiting, _MOST_AT_ONCE))
            failure: Exception | None = None
            try:
                count = await asyncio.to_thread(file.append, [line for line, _ in group])
            except Exception as error:  # noqa: BLE001 - handed to those who wait for their lines
                count, failure = len(group), error
            for _ in range(count):
                _settle(waiting.popleft()[1], failure)
        del self._waiting[path]


def _settle(written: asyncio.Future[None], failure: Exception | None) -> None:
    if written.done():
        return
    if failure is None:
        written.set_result(None)
    else:
        written.set_exception(failure)
