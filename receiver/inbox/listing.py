"""What listings of the inbox ask for and answer: filters and rows. Times are seconds since the epoch (UTC)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands. `done`, `dead` and `superseded` are final."""

    WAITING = "waiting"
    """Due at its time."""
    BLOCKED = "blocked"
    """Behind an earlier delivery of its handler and key."""
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """A notification as listed and shown."""

    id: int
    dedup_key: str
    type: str
    version: str
    notification_id: str
    message_id: str
    topic: str
    seller_id: str
    marketplace_id: str
    event_time: float
    received_at: float
    repeats: int
    """How many duplicates arrived after it."""
    deliveries: Mapping[State, int]
    part: int
    body: bytes


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as listed and shown."""

    id: int
    notification_id: int
    parent_id: int | None
    webhook_id: str
    rule: str
    handler: str
    key: str | None
    state: State
    attempts: int
    created_at: float
    event_time: float
    due_at: float | None
    leased_until: float | None
    finished_at: float | None
    body: bytes | None
    """The result of the handler before, in a chain."""
    reason: str
    """Why it is dead or superseded, or what the last attempt said."""
    superseded_by: int | None
    type: str
    """The notification's type."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt of a delivery."""

    delivery_id: int
    number: int
    """As `Claim.attempt`. Postponed runs bear the number of the attempt they precede, and only the last is kept."""
    started_at: float
    ended_at: float
    outcome: str
    """`done`, `retry`, `dead`, `postponed`, or `lost` where the daemon died during it."""
    status: int | None
    detail: str
    response: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class NotificationFilter:
    """Which notifications a listing wants; None is any. Newest first, after `before_id` where it is given."""

    ids: tuple[int, ...] | None = None
    type: str | None = None
    seller_id: str | None = None
    topic: str | None = None
    unrouted: bool | None = None
    since: float | None = None
    until: float | None = None
    before_id: int | None = None
    limit: int | None = 100


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries a listing, a replay or a cancellation wants; None is any."""

    ids: tuple[int, ...] | None = None
    notification_id: int | None = None
    states: tuple[State, ...] | None = None
    rule: str | None = None
    handler: str | None = None
    type: str | None = None
    key: str | None = None
    since: float | None = None
    until: float | None = None
    """`since` and `until` bound when the delivery was created."""
    before_id: int | None = None
    limit: int | None = 100


@dataclass(frozen=True, slots=True)
class Subscription:
    """An SNS subscription of this daemon's URL. `state` is `pending`, `confirmed` or `unsubscribed`."""

    topic: str
    arn: str
    state: str
    changed_at: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts for people and metrics."""

    notifications: int
    unrouted: Mapping[str, int]
    """Unrouted notifications by type."""
    deliveries: Mapping[tuple[str, State], int]
    """By handler and state."""
    oldest_due: Mapping[str, float]
    """Per handler, when its oldest delivery that is not final was created."""
    database_bytes: int
