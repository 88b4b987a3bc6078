"""The span of a whole notification, sent when the last of its deliveries has ended."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

from receiver.errors import Unavailable
from receiver.inbox import DeliveryFilter, Inbox, NotificationRow, State
from receiver.telemetry.ids import Ids
from receiver.telemetry.span import Attributes, Span

_OPEN = (State.WAITING, State.BLOCKED, State.RUNNING)
_MOST = 5000
_SWEEP_EVERY = 60.0
_SWEEP = 200


class Roots:
    """Looks into the inbox when a delivery has ended. Used from the event loop.

    Deliveries also end without a run (superseded, cancelled): for their sake what this process has taken in is looked
    at again every minute.
    """

    def __init__(self, ids: Ids, inbox: Inbox, add: Callable[[Span], None], sweep_every: float = _SWEEP_EVERY) -> None:
        self._ids = ids
        self._inbox = inbox
        self._add = add
        self._sweep_every = sweep_every
        self._waiting: OrderedDict[int, None] = OrderedDict()
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._some = asyncio.Event()

    def opened(self, notification: int) -> None:
        """A notification was taken in, and has deliveries."""
        _remember(self._waiting, notification)

    def ended(self, notification: int) -> None:
        """A delivery of a notification has ended, or it has none: look whether that was the last."""
        _remember(self._ended, notification)
        self._some.set()

    async def run(self) -> None:
        """Send roots until cancelled."""
        loop = asyncio.get_running_loop()
        sweep_at = loop.time() + self._sweep_every
        while True:
            try:
                async with asyncio.timeout_at(sweep_at):
                    await self._some.wait()
            except TimeoutError:
                sweep_at = loop.time() + self._sweep_every
                await self.look(self._oldest())
            await self.flush()

    async def flush(self) -> None:
        """Look at all whose delivery has ended."""
        self._some.clear()
        ended, self._ended = self._ended, OrderedDict()
        await self.look(ended)

    async def look(self, notifications: Iterable[int]) -> None:
        """Send the spans of those that have no open delivery. An inbox that cannot be read now costs some spans."""
        for notification in notifications:
            try:
                await self._look(notification)
            except Unavailable:
                return

    async def _look(self, notification: int) -> None:
        row = None if notification in self._sent else await self._inbox.notification(notification)
        if row is None:
            self._waiting.pop(notification, None)
        elif not any(row.deliveries.get(state) for state in _OPEN):
            self._waiting.pop(notification, None)
            _remember(self._sent, notification)
            await self._send(row)

    async def _send(self, row: NotificationRow) -> None:
        id_ = self._ids.notification(row.id)
        if id_ is None:
            return
        deliveries = await self._inbox.deliveries(DeliveryFilter(notification_id=row.id, limit=None))
        ends = max([row.received_at, *(each.finished_at or 0.0 for each in deliveries)])
        dead = sum(each.state is State.DEAD for each in deliveries)
        attributes: Attributes = {
            "spapi_router.notification": row.id,
            "spapi_router.type": row.type,
            "spapi_router.notification_id": row.notification_id,
            "spapi_router.deliveries": len(deliveries),
            "spapi_router.dead": dead,
        }
        error = f"{dead} of {len(deliveries)} deliveries are dead" if dead else None
        name = f"notification {row.type}".rstrip()
        self._add(Span(id_, None, name, row.received_at, ends, attributes=attributes, error=error))

    def _oldest(self) -> list[int]:
        """Some of those that wait, which then stand behind the others."""
        some = list(self._waiting)[:_SWEEP]
        for notification in some:
            self._waiting.move_to_end(notification)
        return some


def _remember(some: OrderedDict[int, None], notification: int) -> None:
    some[notification] = None
    if len(some) > _MOST:
        some.popitem(last=False)
