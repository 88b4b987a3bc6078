"""Filters of listings as SQL conditions. Values are bound; only constants become text."""

from dataclasses import dataclass, field
from typing import Any

from receiver.inbox.listing import DeliveryFilter, NotificationFilter
from receiver.inbox.schema import CODES


@dataclass(slots=True)
class Conditions:
    """Conditions that all must hold, with the values bound to them."""

    texts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, text: str, value: Any) -> None:
        """Add a condition on one value unless that is None."""
        if value is not None:
            self.texts.append(text)
            self.values.append(value)

    def any_of(self, column: str, values: tuple[int, ...] | None) -> None:
        """Add that a column holds one of some numbers, which become text: partial indexes need literals."""
        if values is not None:
            self.texts.append(f"{column} IN ({', '.join(f'{value:d}' for value in values)})")

    @property
    def where(self) -> str:
        """The WHERE clause."""
        return f" WHERE {' AND '.join(self.texts)}" if self.texts else ""


def of_notifications(which: NotificationFilter) -> Conditions:
    """What a filter asks of the table `notifications`."""
    conditions = Conditions()
    conditions.any_of("notifications.id", which.ids)
    if which.unrouted is not None:
        conditions.texts.append(f"notifications.routed = {int(not which.unrouted)}")
    conditions.add("notifications.type = ?", which.type)
    conditions.add("notifications.seller_id = ?", which.seller_id)
    conditions.add("notifications.topic = ?", which.topic)
    conditions.add("notifications.received_at >= ?", which.since)
    conditions.add("notifications.received_at < ?", which.until)
    conditions.add("notifications.id < ?", which.before_id)
    return conditions


def of_deliveries(which: DeliveryFilter) -> Conditions:
    """What a filter asks of the table `deliveries` and, for a type, of `notifications`."""
    conditions = Conditions()
    conditions.any_of("deliveries.id", which.ids)
    if which.states is not None and len(which.states) == 1:
        conditions.texts.append(f"deliveries.state = {CODES[which.states[0]]:d}")
    elif which.states is not None:
        conditions.any_of("deliveries.state", tuple(CODES[state] for state in which.states))
    conditions.add("deliveries.notification_id = ?", which.notification_id)
    conditions.add("deliveries.rule = ?", which.rule)
    conditions.add("deliveries.handler = ?", which.handler)
    conditions.add("notifications.type = ?", which.type)
    conditions.add("deliveries.key = ?", which.key)
    conditions.add("deliveries.created_at >= ?", which.since)
    conditions.add("deliveries.created_at < ?", which.until)
    conditions.add("deliveries.id < ?", which.before_id)
    return conditions
