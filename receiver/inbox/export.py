"""Everything that the inbox holds of notifications, oldest first, a few at a time: for archives and analyses."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from receiver.inbox.filters import of_notifications
from receiver.inbox.listing import AttemptRow, DeliveryFilter, DeliveryRow, NotificationFilter, NotificationRow
from receiver.inbox.sqlite import SqliteInbox

_PAGE = 500
# NOT INDEXED keeps the scan in the order of ids, from where the last page ended: by another index, each page would sort
# all that the filter means.
_IDS = "SELECT notifications.id FROM notifications NOT INDEXED{} ORDER BY notifications.id LIMIT {}"


@dataclass(frozen=True, slots=True)
class Exported:
    """A notification with all that became of it."""

    notification: NotificationRow
    deliveries: tuple[tuple[DeliveryRow, tuple[AttemptRow, ...]], ...]


async def exported(inbox: SqliteInbox, which: NotificationFilter, after: int = 0) -> AsyncIterator[Exported]:
    """The notifications that a filter means with ids above `after`, oldest first, no more than its limit.

    Memory holds one of them and a page of ids. One that retention deletes meanwhile is left out. Raises Unavailable.
    """
    left = which.limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        ids = await _ids(inbox, which, after, size)
        for id_ in ids:
            if (found := await _read(inbox, id_)) is not None:
                yield found
        if len(ids) < size:
            return
        after = ids[-1]
        left = None if left is None else left - len(ids)


async def _ids(inbox: SqliteInbox, which: NotificationFilter, after: int, size: int) -> list[int]:
    conditions = of_notifications(which)
    conditions.add("notifications.id > ?", after)
    return [row[0] for row in await inbox.rows(_IDS.format(conditions.where, size), conditions.values)]


async def _read(inbox: SqliteInbox, id_: int) -> Exported | None:
    notification = await inbox.notification(id_)
    if notification is None:
        return None
    rows = await inbox.deliveries(DeliveryFilter(notification_id=id_, limit=None))
    deliveries = [(row, tuple(await inbox.attempts(row.id))) for row in reversed(rows)]
    return Exported(notification, tuple(deliveries))
