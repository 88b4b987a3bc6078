"""Retention: notifications whose deliveries have all ended are deleted after their time, in small steps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox import Inbox
from receiver.rules import Rule

_logger = logging.getLogger(__name__)
_STEP = 200
_PAUSE = 0.05
_EVERY = 600.0
_REPEATS = 86400.0


class Retention:
    """Deletes what is older than `retention` seconds, so slowly that pushes do not notice."""

    def __init__(
        self,
        inbox: Inbox,
        retention: float,
        clock: Callable[[], float],
        wipe: Callable[[], Awaitable[bool]] | None = None,
        rules: Callable[[], Sequence[Rule]] = tuple,
    ) -> None:
        """`wipe` is done after something was deleted, so that nothing of it is left in the inbox's files.

        It says whether that came to its end. `rules` are those of now: what their `once` has to remember is kept for
        longer.
        """
        self._inbox = inbox
        self._wipe = wipe
        self._unwiped = False
        self._retention = retention
        self._clock = clock
        self._rules = rules

    async def run(self) -> None:
        """Prune now and every ten minutes."""
        while True:
            deleted = await self.prune()
            if deleted:
                log(_logger, logging.INFO, "pruned", notifications=deleted)
            await asyncio.sleep(_EVERY)

    async def prune(self) -> int:
        """Delete all that is due; how many notifications. What it had seen is known for a day longer."""
        now = self._clock()
        before = now - self._retention
        longest = max((rule.once.within for rule in self._rules() if rule.once), default=0.0)
        deleted = await self._steps(self._inbox.prune, before)
        forgotten = await self._steps(self._inbox.forget, before - _REPEATS)
        forgotten += await self._steps(self._inbox.forget_once, min(before - _REPEATS, now - longest))
        self._unwiped = self._unwiped or bool(deleted or forgotten)
        if self._wipe is not None and self._unwiped:
            # Who reads a copy of the inbox at the time, as a backup does, holds the log: then it is the next round's.
            with suppress(Unavailable):
                self._unwiped = not await self._wipe()
        return deleted

    async def _steps(self, delete: Callable[[float, int], Awaitable[int]], before: float) -> int:
        total = 0
        while True:
            try:
                deleted = await delete(before, _STEP)
            except Unavailable:
                return total
            total += deleted
            if deleted < _STEP:
                return total
            await asyncio.sleep(_PAUSE)
