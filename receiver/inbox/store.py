"""The door to the inbox: what is kept, and the operations every store offers.

Times are seconds since the epoch (UTC), durations seconds. Every coroutine that changes something returns only when
the change is on disk. All raise `receiver.errors.Unavailable` where the store cannot work now (busy, disk full) and
are to be called again later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from receiver.notification import Notification


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
class Once:
    """Of the deliveries of one rule, handler and `key`, those within `within` seconds of the first are superseded."""

    key: str
    within: float


@dataclass(frozen=True, slots=True)
class Route:
    """One delivery that the rules ask for."""

    rule: str
    handler: str
    key: str | None = None
    """Orders: one in flight per (handler, key), by event time, then arrival."""
    coalesce: float | None = None
    """Seconds that a delivery waits for newer ones of its rule, handler and key, which supersede it."""
    newest_only: bool = False
    """Supersede it when a newer event of its rule, handler and key is already done."""
    once: Once | None = None
    dead: str | None = None
    """Why the delivery is dead from the start (a template's field is missing), None where it is not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A notification to accept with its deliveries: both are kept, or neither."""

    notification: Notification
    routes: tuple[Route, ...]
    body: bytes
    """The SNS message as received."""
    received_at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """How an entry was taken. `handlers` have a delivery that may be due now."""

    id: int
    """The notification's id in the inbox, also where it was a duplicate."""
    duplicate: bool
    handlers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery handed out to be run, leased until `leased_until`."""

    id: int
    notification_id: int
    webhook_id: str
    rule: str
    handler: str
    attempt: int
    """The number this attempt has, from 1. Postponed runs do not count."""
    key: str | None
    event_time: float
    created_at: float
    leased_until: float
    notification_body: bytes
    notification_part: int
    body: bytes | None
    """The result of the handler before, in a chain."""


@dataclass(frozen=True, slots=True)
class Child:
    """The next delivery of a chain, made when its parent is done. It takes the parent's rule, key and event time."""

    handler: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """How a claimed delivery ended its run."""

    delivery_id: int
    state: State
    """DONE, DEAD, or WAITING for another run at `due_at`."""
    started_at: float
    ended_at: float
    due_at: float | None = None
    counts: bool = True
    """False where the run spends no attempt: postponed, or handed back at a stop."""
    detail: str = ""
    status: int | None = None
    response: bytes = b""
    request_id: str = ""
    children: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """What a batch of results led to. `handlers` have deliveries that may be due now."""

    handlers: tuple[str, ...] = ()
    lost: tuple[int, ...] = ()
    """Deliveries whose lease had passed to somebody else, or which were cancelled: their results were not taken."""


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

    type: str | None = None
    seller_id: str | None = None
    topic: str | None = None
    unrouted: bool | None = None
    since: float | None = None
    until: float | None = None
    before_id: int | None = None
    limit: int = 100


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


class Inbox(Protocol):
    """A durable store of notifications and deliveries."""

    async def accept(self, entries: Sequence[Entry]) -> list[Accepted]:
        """Keep notifications with their deliveries, all of the call's or none; a repeat is counted and runs nothing."""
        ...

    async def claim(self, handler: str, limit: int, now: float, lease: float) -> list[Claim]:
        """Lease up to `limit` due deliveries of a handler for `lease` seconds.

        Of one key only the earliest by (event time, arrival) is handed out, and none while one runs. Among keys the
        choice is fair: a key with many due does not hold back a key with one.
        """
        ...

    async def finish(self, results: Sequence[Result]) -> Finished:
        """Record how claimed deliveries ended, with the attempt, their children, and the key's next one released."""
        ...

    async def extend(self, delivery_ids: Sequence[int], leased_until: float) -> None:
        """Lengthen leases of deliveries that are still being worked on."""
        ...

    async def recover(self, now: float) -> int:
        """Take back leases that have ended, or all of them where this process owns the store alone (at start)."""
        ...

    async def next_due(self, handler: str) -> float | None:
        """When the handler's next waiting delivery falls due, None where nothing waits."""
        ...

    async def replay(self, which: DeliveryFilter, now: float, spacing: float = 0.0) -> int:
        """Make finished deliveries wait again with fresh attempts, `spacing` seconds apart; how many."""
        ...

    async def cancel(self, which: DeliveryFilter, now: float, reason: str) -> int:
        """End deliveries that are not final as dead with a reason; how many."""
        ...

    async def reroute(self, notification_id: int, routes: Sequence[Route], now: float) -> tuple[str, ...]:
        """Add deliveries to a kept notification where it has none of that rule and handler; the handlers woken."""
        ...

    async def count(self, which: DeliveryFilter) -> dict[State, int]: ...
    async def notification(self, id: int) -> NotificationRow | None: ...  # noqa: A002
    async def notifications(self, which: NotificationFilter) -> list[NotificationRow]: ...
    async def delivery(self, id: int) -> DeliveryRow | None: ...  # noqa: A002
    async def deliveries(self, which: DeliveryFilter) -> list[DeliveryRow]: ...
    async def attempts(self, delivery_id: int) -> list[AttemptRow]: ...
    async def stats(self) -> Stats: ...

    async def save_subscription(self, subscription: Subscription) -> None: ...
    async def subscriptions(self) -> list[Subscription]: ...

    async def save_note(self, name: str, value: bytes) -> None:
        """Keep a small named value of the daemon's (a breaker's state). Empty removes it."""
        ...

    async def notes(self, prefix: str) -> dict[str, bytes]: ...

    async def prune(self, before: float, limit: int) -> int:
        """Delete up to `limit` notifications received before a time whose deliveries are all final; how many."""
        ...

    async def close(self) -> None: ...
