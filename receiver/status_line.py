"""The one line that `systemctl status` shows: what was received, what waits, what is dead."""

import asyncio
from collections.abc import Callable

from receiver.errors import RouterError
from receiver.inbox import DeliveryFilter, Inbox, State
from receiver.metrics import Metrics
from receiver.service_manager import ServiceManager

_OPEN = (State.WAITING, State.BLOCKED, State.RUNNING)


class StatusLine:
    """Tells the manager how things stand, every `period` seconds, where that has changed. `tail` ends the line."""

    def __init__(
        self, manager: ServiceManager, inbox: Inbox, metrics: Metrics, tail: Callable[[], str], period: float = 5.0
    ) -> None:
        self._manager = manager
        self._inbox = inbox
        self._metrics = metrics
        self._tail = tail
        self._period = period

    async def run(self) -> None:
        """Follow the counts until cancelled."""
        said = ""
        while True:
            line = await self.line()
            if line != said:
                self._manager.status(line)
                said = line
            await asyncio.sleep(self._period)

    async def line(self) -> str:
        """How things stand: pushes since the start, deliveries of the whole inbox."""
        return f"received {self._metrics.received.value:.0f}, {await self._deliveries()}; {self._tail()}"

    async def _deliveries(self) -> str:
        try:
            counts = await self._inbox.count(DeliveryFilter())
        except RouterError as error:
            return str(error)
        return f"waiting {sum(counts.get(state, 0) for state in _OPEN)}, dead {counts.get(State.DEAD, 0)}"
