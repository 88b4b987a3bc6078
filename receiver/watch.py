"""Background tasks that nobody awaits: named, held, and never silent about a failure."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from receiver.events import log

_PAUSE = 1.0


class Watch:
    """The background tasks of one owner."""

    def __init__(self, logger: logging.Logger) -> None:
        self._log = logger
        self._kept_tasks: set[asyncio.Task[None]] = set()
        self._single_tasks: set[asyncio.Task[None]] = set()

    def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `work` until it returns; where it raises, say so and start it again a second later."""
        return _spawn(self._kept(name, work), name, self._kept_tasks)

    def once(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` once; where it raises, say so."""
        return _spawn(self._single(name, work), name, self._single_tasks)

    async def end(self, seconds: float) -> None:
        """Cancel what is kept running, and what else has not ended by itself within `seconds`."""
        for task in self._kept_tasks:
            task.cancel()
        await _wait(self._kept_tasks, _PAUSE)
        await _wait(self._single_tasks, seconds)
        for task in self._single_tasks:
            task.cancel()
        await _wait(self._single_tasks, _PAUSE)

    async def _kept(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must be seen and the work must go on
                self._report("task_crashed", name, error)
            await asyncio.sleep(_PAUSE)

    async def _single(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - nobody awaits this task: here is where it is seen
            self._report("task_failed", name, error)

    def _report(self, event: str, name: str, error: Exception) -> None:
        log(self._log, logging.ERROR, event, task=name, reason=f"{type(error).__name__}: {error}")
        self._log.debug(event, exc_info=error)


def _spawn(work: Coroutine[Any, Any, None], name: str, tasks: set[asyncio.Task[None]]) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def _wait(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(set(tasks), timeout=seconds)
