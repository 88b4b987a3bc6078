"""Keeps the leases of running deliveries alive, and takes back those that died with another process."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox.store import Inbox

Held = Callable[[], Sequence[tuple[int, int]]]
"""The (delivery, run) pairs that are being worked on."""


class LeaseKeeper:
    """Extends what is held three times within each lease. Durations are seconds."""

    def __init__(
        self,
        inbox: Inbox,
        held: Held,
        *,
        lost: Callable[[Iterable[tuple[int, int]]], None],
        recovered: Callable[[], None],
        clock: Callable[[], float],
        lease: float,
        logger: logging.Logger,
    ) -> None:
        """`lost` is told of the pairs that are no longer ours, `recovered` that some came back from the dead."""
        self._inbox = inbox
        self._held = held
        self._lost = lost
        self._recovered = recovered
        self._clock = clock
        self._lease = lease
        self._log = logger

    async def run(self) -> None:
        """Extend leases until cancelled.

        After a time that was missed (the machine slept, the clock was set) nothing is taken back at once: leases seem
        to have ended of which this very process has yet to hear that they are its own. Nor is anything that ended while
        leases were extended, by a slow disk or a clock that was set meanwhile: what was extended may be among it.
        """
        while True:
            slept_from = self._clock()
            await asyncio.sleep(self._lease / 3)
            now = self._clock()
            missed = now - slept_from > self._lease * 2 / 3
            try:
                await self._extend(now + self._lease)
                if not missed:
                    await self._recover(now)
            except Unavailable as error:
                log(self._log, logging.WARNING, "leases_not_extended", reason=error.reason, detail=error.detail)

    async def recover(self) -> None:
        """Take back leases that ended with the process that held them. Raises Unavailable."""
        await self._recover(self._clock())

    async def _recover(self, ended_by: float) -> None:
        recovered = await self._inbox.recover(ended_by)
        if recovered:
            log(self._log, logging.WARNING, "deliveries_recovered", deliveries=recovered)
            self._recovered()

    async def _extend(self, until: float) -> None:
        held = self._held()
        if held:
            self._lost(await self._inbox.extend(held, until))
