"""The door to the inbox: what is kept, and the operations every store offers.

Times are seconds since the epoch (UTC), durations seconds. Every coroutine that changes something returns only when
the change is on disk. What is handed in and out by the thousand are named tuples: they pass quickly between the event
loop's process and the writer's. All raise `receiver.errors.Unavailable` where the store cannot work now (busy, disk
full) and are to be called again later.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from receiver.inbox.listing import (
    AttemptRow,
    DeliveryFilter,
    DeliveryRow,
    NotificationFilter,
    NotificationRow,
    State,
    Stats,
    Subscription,
)
from receiver.notification import Notification

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
    "NotificationFilter",
    "NotificationRow",
    "Once",
    "Result",
    "Route",
    "State",
    "Stats",
    "Stillborn",
    "Subscription",
]


@dataclass(frozen=True, slots=True)
class Once:
    """Of the deliveries of one rule, handler and `key`, those within `within` seconds of the first are superseded.

    A first one that is dead, or superseded for another reason, counts no more: the next takes its place.
    """

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
    """Supersede it when a newer event of its rule, handler and key is already done. Needs a key, as `coalesce` does."""
    once: Once | None = None
    dead: str | None = None
    """Why the delivery is dead from the start (a template's field is missing), None where it is not."""


class Entry(NamedTuple):
    """A notification to accept with its deliveries: both are kept, or neither."""

    notification: Notification
    routes: tuple[Route, ...]
    body: bytes
    """The SNS message as received."""
    received_at: float


class Stillborn(NamedTuple):
    """A delivery that was dead as it was made, and why: no lane will ever hear of it."""

    id: int
    handler: str
    rule: str
    key: str | None
    reason: str


class Accepted(NamedTuple):
    """How an entry was taken. `handlers` have a delivery that may be due now."""

    id: int
    """The notification's id in the inbox, also where it was a duplicate."""
    duplicate: bool
    handlers: tuple[str, ...] = ()
    dead: tuple[Stillborn, ...] = ()


class Claim(NamedTuple):
    """A delivery handed out to be run, leased until `leased_until`."""

    id: int
    notification_id: int
    webhook_id: str
    rule: str
    handler: str
    run: int
    """Which of all the delivery's runs this is. The `Result` names it too, so that a late one is known."""
    attempt: int
    """The number this attempt has, from 1 and again from 1 after a replay. Postponed runs do not count, runs that a
    dying daemon lost do."""
    key: str | None
    event_time: float
    created_at: float
    leased_until: float
    notification_body: bytes
    """The message as kept; empty where `document` says what is in it."""
    notification_part: int
    body: bytes | None
    """The result of the handler before, in a chain."""
    document: Mapping[str, Any] | None = None
    """The notification's document where the store has read it already, which it does beside the event loop."""


class Child(NamedTuple):
    """The next delivery of a chain, made when its parent is done. It takes the parent's rule, key and event time."""

    handler: str
    body: bytes


class Result(NamedTuple):
    """How a claimed delivery ended its run."""

    delivery_id: int
    run: int
    """The claim's."""
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
    begun: bool = False
    """Whether the delivery must not be superseded by a newer one of a burst from now on."""


class Finished(NamedTuple):
    """What a batch of results led to. `handlers` have deliveries that may be due now."""

    handlers: tuple[str, ...] = ()
    lost: tuple[int, ...] = ()
    """Deliveries whose lease had passed to somebody else, or which were cancelled: their results were not taken."""


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

    def claim_fresh(self, limits: Mapping[str, int], now: float, lease: float) -> Awaitable[list[Claim]]:
        """As `claim` for the handlers in `limits`, in the transaction that keeps what was asked for just before.

        Handlers to which that brings nothing may be left out, whatever they have due. What it changes belongs to this
        call, not to awaiting it: else something could come between. Raises InboxError where nothing can be written.
        """
        ...

    async def finish(self, results: Sequence[Result]) -> Finished:
        """Record how claimed deliveries ended, with the attempt, their children, and the key's next one released."""
        ...

    async def extend(self, claims: Sequence[tuple[int, int]], leased_until: float) -> tuple[tuple[int, int], ...]:
        """Lengthen leases of (delivery, run) pairs still being worked on; the pairs whose lease is lost.

        Of those (cancelled, taken back) the work is better ended: their results will not be taken.
        """
        ...

    async def recover(self, now: float) -> int:
        """Take back leases: all that an owner before this one left at the first call, later those that have ended.

        The lost run is recorded and counts as an attempt, so that what kills the daemon does not run for ever.
        """
        ...

    async def next_due(self, handler: str) -> float | None:
        """When the handler's next waiting delivery falls due, None where nothing waits."""
        ...

    async def replay(self, which: DeliveryFilter, now: float, spacing: float = 0.0) -> int:
        """Make finished deliveries wait again with fresh attempts, `spacing` seconds apart; how many.

        Rules of the line hold: of coalescing ones of one key only the newest will run, and `newest_only` ones that
        are older than the last done are superseded anew.
        """
        ...

    async def cancel(self, which: DeliveryFilter, now: float, reason: str) -> int:
        """End deliveries that are not final as dead with a reason; how many. A result that still comes is lost."""
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

    async def forget(self, before: float, limit: int) -> int:
        """Drop up to `limit` keys by which repeats are known (also of `newest_only`), of before a time.

        Apart from `prune`, so that repeats of what was pruned are still caught; how many.
        """
        ...

    async def forget_once(self, before: float, limit: int) -> int:
        """Drop up to `limit` keys of `once` that came first before a time; how many."""
        ...

    async def changed_elsewhere(self) -> bool:
        """Whether another process (a command line) has changed the inbox since the last call."""
        ...

    async def close(self) -> None: ...
