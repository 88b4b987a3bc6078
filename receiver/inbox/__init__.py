"""The durable store of notifications and their deliveries."""

from receiver.inbox.memory import MemoryInbox
from receiver.inbox.sqlite import SqliteInbox
from receiver.inbox.store import (
    Accepted,
    AttemptRow,
    Child,
    Claim,
    DeliveryFilter,
    DeliveryRow,
    Entry,
    Finished,
    Inbox,
    NotificationFilter,
    NotificationRow,
    Once,
    Result,
    Route,
    State,
    Stats,
    Subscription,
)

__all__ = [
    "Accepted",
    "AttemptRow",
    "Child",
    "Claim",
    "DeliveryFilter",
    "DeliveryRow",
    "Entry",
    "Finished",
    "Inbox",
    "MemoryInbox",
    "NotificationFilter",
    "NotificationRow",
    "Once",
    "Result",
    "Route",
    "SqliteInbox",
    "State",
    "Stats",
    "Subscription",
]
