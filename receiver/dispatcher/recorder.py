"""Puts the results of all lanes on disk, as many to a commit as have gathered during the one before."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

from receiver.dispatcher.outcomes import Ended
from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox.store import Finished, Inbox

_MOST_AT_ONCE = 500
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

Recorded = Callable[[Ended, bool], None]
"""Told once a result is on disk; True where it was not taken, because the delivery is no longer this daemon's."""


class Recorder:
    """One writer of results. A store that cannot write now is asked again until it can: no result is dropped."""

    def __init__(self, inbox: Inbox, wake: Callable[[Iterable[str]], None], logger: logging.Logger) -> None:
        """`wake` is told which handlers have deliveries that may be due after a commit."""
        self._inbox = inbox
        self._wake = wake
        self._log = logger
        self._waiting: deque[tuple[Ended, Recorded]] = deque()
        self._some = asyncio.Event()
        self._singly = 0
        self._pause = 0.0

    def add(self, ended: Ended, recorded: Recorded) -> None:
        """Have a result written."""
        self._waiting.append((ended, recorded))
        self._some.set()

    async def run(self) -> None:
        """Write results until cancelled."""
        while True:
            await self._some.wait()
            while self._waiting:
                await self._write()
            self._some.clear()

    async def _write(self) -> None:
        batch = list(islice(self._waiting, 1 if self._singly else _MOST_AT_ONCE))
        try:
            finished = await self._inbox.finish([ended.result for ended, _ in batch])
        except Unavailable as error:
            await self._wait(error)
        except Exception as error:  # noqa: BLE001 - one result that cannot be written must not hold up the others
            self._part(batch, error)
        else:
            self._pause = 0.0
            self._settle(batch, finished)

    async def _wait(self, error: Unavailable) -> None:
        if not self._pause:
            log(self._log, logging.ERROR, "inbox_unavailable", reason=error.reason, detail=error.detail)
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
        await asyncio.sleep(self._pause)

    def _part(self, batch: list[tuple[Ended, Recorded]], error: Exception) -> None:
        """Find the result that the store does not take; its delivery runs again when its lease ends."""
        if len(batch) > 1:
            self._singly = len(batch)
            return
        reason = f"{type(error).__name__}: {error}"
        log(self._log, logging.ERROR, "result_not_written", id=batch[0][0].claim.id, reason=reason)
        self._log.debug("result_not_written", exc_info=error)
        self._settle(batch, Finished(lost=(batch[0][0].claim.id,)))

    def _settle(self, batch: list[tuple[Ended, Recorded]], finished: Finished) -> None:
        for _ in batch:
            self._waiting.popleft()
        self._singly = max(0, self._singly - len(batch))
        lost = set(finished.lost)
        for ended, recorded in batch:
            recorded(ended, ended.claim.id in lost)
        self._wake(finished.handlers)
