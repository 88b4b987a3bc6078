"""Filters of listings applied to what is kept in memory: the twin of `receiver.inbox.filters`."""

from receiver.inbox.listing import DeliveryFilter, DeliveryRow, NotificationFilter
from receiver.inbox.store import Entry


def wants_delivery(which: DeliveryFilter, row: DeliveryRow) -> bool:
    """Whether a filter means a delivery, its limit aside."""
    equal = (
        (which.notification_id, row.notification_id),
        (which.rule, row.rule),
        (which.handler, row.handler),
        (which.type, row.type),
        (which.key, row.key),
    )
    if any(wanted is not None and wanted != value for wanted, value in equal):
        return False
    if which.ids is not None and row.id not in which.ids:
        return False
    if which.states is not None and row.state not in which.states:
        return False
    return _within(which.since, which.until, row.created_at) and (which.before_id is None or row.id < which.before_id)


def wants_notification(which: NotificationFilter, id_: int, entry: Entry, routed: bool) -> bool:
    """Whether a filter means a notification, its limit aside."""
    notification = entry.notification
    equal = (
        (which.type, notification.type),
        (which.seller_id, notification.seller_id),
        (which.topic, notification.envelope.topic),
        (which.unrouted, not routed),
    )
    if any(wanted is not None and wanted != value for wanted, value in equal):
        return False
    if which.ids is not None and id_ not in which.ids:
        return False
    bounds = _within(which.since, which.until, entry.received_at)
    return bounds and (which.before_id is None or id_ < which.before_id)


def _within(since: float | None, until: float | None, time: float) -> bool:
    return (since is None or time >= since) and (until is None or time < until)
