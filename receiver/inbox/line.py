"""The line of a key: its deliveries to one handler run one at a time, by event time, then arrival.

Whatever joins or leaves a line passes here: of a line's open deliveries at most one is waiting or running, all others
are blocked, so that claiming needs no look at the line. Here too deliveries are superseded: by a newer one of a burst
(`coalesce`), by one already done (`newest_only`), by the first of its kind (`once`).
A delivery that has begun something elsewhere, such as a report that it waits for, stays: were it superseded again and
again, all of its kind would begin and none would end.
"""

from dataclasses import dataclass
from typing import NamedTuple

from receiver.inbox.schema import BLOCKED, DEAD, RUNNING, SUPERSEDED, WAITING
from receiver.inbox.statements import (
    ADD_DELIVERIES,
    ADD_DELIVERY,
    BLOCK,
    COALESCING,
    FIRST_ONCE,
    FRONT,
    HEAD,
    NEWER_DONE,
    RELEASE,
    SAVE_NEWEST,
    SAVE_ONCE,
    SET_DUE,
    STALE,
    SUPERSEDE,
)
from receiver.inbox.store import Route
from receiver.inbox.transaction import Transaction

BEGUN = "ALTER TABLE deliveries ADD COLUMN begun INTEGER NOT NULL DEFAULT 0"
"""Part of a version: see `receiver.inbox.migrations`."""
NEWER_WAITS = "a newer event of this key took its place"
NEWER_DONE_BEFORE = "a newer event of this key is done already"
ONCE_BEFORE = "another delivery of this kind came first"


@dataclass(frozen=True, slots=True)
class Place:
    """What a delivery's place in its line depends on, in the order of the statement PLACE."""

    id: int
    notification_id: int
    webhook: bytes
    rule: str
    handler: str
    key: str | None
    state: int
    event_time: float
    due_at: float
    attempts: int
    runs: int
    coalesce: float | None
    newest_only: int
    claimed_at: float | None


class Newcomer(NamedTuple):
    """A delivery to be made."""

    notification_id: int
    webhook: bytes
    route: Route
    event_time: float
    created_at: float
    parent_id: int | None = None
    body: bytes | None = None


def is_plain(route: Route) -> bool:
    """Whether a delivery stands in no line and meets no other one: it can be added in bulk."""
    return route.dead is not None or (route.key is None and route.once is None)


def plain_row(new: Newcomer) -> tuple[object, ...]:
    """A plain delivery as a row of ADD_DELIVERIES."""
    route, dead = new.route, new.route.dead
    return (
        new.notification_id,
        new.webhook,
        route.rule,
        route.handler,
        route.key,
        WAITING if dead is None else DEAD,
        new.created_at,
        new.event_time,
        new.created_at,
        None if dead is None else new.created_at,
        dead or "",
    )


def add_plain(transaction: Transaction, newcomers: list[Newcomer]) -> None:
    """Make plain deliveries, all in one go."""
    ADD_DELIVERIES.run(transaction.connection, [plain_row(new) for new in newcomers])
    for new in newcomers:
        transaction.count(new.route.handler, WAITING if new.route.dead is None else DEAD)


def add(transaction: Transaction, new: Newcomer) -> None:
    """Make a delivery and give it its place in its line."""
    route, now = new.route, new.created_at
    keyed = route.key is not None
    place = _insert(transaction, new, BLOCKED if keyed else WAITING)
    if route.once is not None and _repeats_once(transaction, place, route, now):
        return
    if keyed:
        join(transaction, place, now)


def join(transaction: Transaction, place: Place, now: float) -> None:
    """Give a delivery that has just become BLOCKED its place in its line, or end it as superseded."""
    assert place.key is not None  # noqa: S101 - for the type checker
    newer = None
    if place.newest_only:
        newer = transaction.row(NEWER_DONE, (place.rule, place.handler, place.key, place.event_time))
    if newer is not None:
        supersede(transaction, place.id, place.handler, BLOCKED, (newer[0], NEWER_DONE_BEFORE), now)
    elif place.coalesce is not None:
        _coalesce(transaction, place, now)
    settle(transaction, place.handler, place.key, now)


def settle(transaction: Transaction, handler: str, key: str, now: float) -> bool:
    """Put the earliest of a line in front unless one runs; whether a delivery was released."""
    front = transaction.rows(FRONT, (handler, key))
    if any(state == RUNNING for _, state in front):
        _block(transaction, handler, [id_ for id_, state in front if state == WAITING])
        return False
    head = transaction.row(HEAD, (handler, key))
    if head is None:
        return False
    _block(transaction, handler, [id_ for id_, _ in front if id_ != head[0]])
    if head[1] == WAITING:
        return False
    transaction.execute(RELEASE, (now, head[0]))
    transaction.move(handler, BLOCKED, WAITING)
    return True


def supersede(transaction: Transaction, id_: int, handler: str, state: int, by: tuple[int, str], now: float) -> None:
    """End a delivery as superseded by another, with a reason."""
    transaction.execute(SUPERSEDE, (*by, now, id_))
    transaction.move(handler, state, SUPERSEDED)


def note_done(transaction: Transaction, place: Place, now: float) -> None:
    """Remember the newest event done for a key, and supersede what waits and is older."""
    name = (place.rule, place.handler, place.key)
    transaction.execute(SAVE_NEWEST, (*name, place.event_time, place.id, now))
    stale = transaction.rows(STALE, (place.handler, place.key, place.rule, place.event_time))
    for id_, state in stale:
        supersede(transaction, id_, place.handler, state, (place.id, NEWER_DONE_BEFORE), now)


def _insert(transaction: Transaction, new: Newcomer, state: int) -> Place:
    route, now = new.route, new.created_at
    due_at = now + (route.coalesce or 0.0) if route.key is not None else now
    newest_only = int(route.newest_only and route.key is not None)
    coalesce = route.coalesce if route.key is not None else None
    columns = (new.notification_id, new.parent_id, new.webhook, route.rule, route.handler, route.key, state, now)
    cursor = transaction.execute(ADD_DELIVERY, (*columns, new.event_time, due_at, coalesce, newest_only, new.body))
    transaction.count(route.handler, state)
    return Place(
        id=cursor.lastrowid or 0,
        notification_id=new.notification_id,
        webhook=new.webhook,
        rule=route.rule,
        handler=route.handler,
        key=route.key,
        state=state,
        event_time=new.event_time,
        due_at=due_at,
        attempts=0,
        runs=0,
        coalesce=coalesce,
        newest_only=newest_only,
        claimed_at=None,
    )


def _repeats_once(transaction: Transaction, place: Place, route: Route, now: float) -> bool:
    """Supersede a delivery whose kind came within the span before; else it is the first of a new span."""
    assert route.once is not None  # noqa: S101 - for the type checker
    name = (route.rule, route.handler, route.once.key)
    first = transaction.row(FIRST_ONCE, (*name, now, route.once.within))
    if first is None:
        transaction.execute(SAVE_ONCE, (*name, place.id, now))
        return False
    supersede(transaction, place.id, place.handler, place.state, (first[0], ONCE_BEFORE), now)
    return True


def _coalesce(transaction: Transaction, place: Place, now: float) -> None:
    """Leave the newest of a key's waiting deliveries; untried ones hand it their time, so a burst delays it once."""
    *before, newest = transaction.rows(COALESCING, (place.handler, place.key, place.rule))
    survivor, _, due_at, attempts, begun = newest
    older = [each[:-1] for each in before if not each[-1]]
    for id_, state, *_ in older:
        supersede(transaction, id_, place.handler, state, (survivor, NEWER_WAITS), now)
    earliest = min([due_at, *(due for _, _, due, tried in older if not tried)])
    if earliest < due_at and not (attempts or begun):
        transaction.execute(SET_DUE, (earliest, survivor))


def _block(transaction: Transaction, handler: str, ids: list[int]) -> None:
    for id_ in ids:
        transaction.execute(BLOCK, (id_,))
        transaction.move(handler, WAITING, BLOCKED)
