"""Handing deliveries out and taking their results: claims, leases, attempts, chains."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handlers.base import Unread
from receiver.inbox.identity import chain_key, webhook_id
from receiver.inbox.line import Newcomer, Place, add, join, note_done, settle
from receiver.inbox.schema import BLOCKED, CODES, DONE, RUNNING, WAITING
from receiver.inbox.statements import (
    ADD_ATTEMPTS,
    BEGIN,
    CLAIM,
    DROP_POSTPONED,
    EXTEND,
    FINISH,
    FINISH_MANY,
    LEASED,
    PLACE,
)
from receiver.inbox.store import Child, Claim, Finished, Result, Route, State
from receiver.inbox.transaction import Mirror, Transaction
from receiver.notification import read_stored

_LOST = "the daemon ended during this run, or its lease ran out"
_FOREVER = 1e18
_OUTCOMES = {State.DONE: "done", State.DEAD: "dead", State.WAITING: "retry"}


@dataclass(frozen=True, slots=True)
class _Held:
    """A claim of this process whose delivery stands in no line: its result can be taken in bulk."""

    run: int
    handler: str
    attempt: int


def claim(transaction: Transaction, calls: list[tuple[str, int, float, float]]) -> list[list[Claim]]:
    """Lease due deliveries for calls of (handler, limit, now, lease): the longest due first."""
    return transaction.parts.of(_Leases).claim(transaction, calls)


def claim_fresh(transaction: Transaction, calls: list[tuple[Mapping[str, int], float, float]]) -> list[list[Claim]]:
    """As `claim` for calls of (limits by handler, now, lease), for handlers that get deliveries in this transaction."""
    return [transaction.parts.of(_Leases).claim_fresh(transaction, *call) for call in calls]


def finish(transaction: Transaction, calls: list[Sequence[Result]]) -> list[Finished]:
    """Take results. Those of deliveries in no line, the most common, are taken all in one go."""
    return transaction.parts.of(_Leases).finish(transaction, calls)


def extend(
    transaction: Transaction, calls: list[tuple[Sequence[tuple[int, int]], float]]
) -> list[tuple[tuple[int, int], ...]]:
    """Lengthen leases; those of the (delivery, run) pairs that are not leased any more."""
    return [
        tuple(held for held in claims if not transaction.execute(EXTEND, (until, *held)).rowcount)
        for claims, until in calls
    ]


def recover(transaction: Transaction, calls: list[tuple[float, bool]]) -> list[int]:
    """Take back leases for calls of (now, all of them or only what has ended); how many."""
    return [transaction.parts.of(_Leases).recover(transaction, *call) for call in calls]


class _Leases(Mirror):
    """The claims of this process."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}

    def forget(self) -> None:
        """Take all results one by one: what was claimed may not even be there, and its id be another delivery's."""
        self._held.clear()

    def claim(self, transaction: Transaction, calls: list[tuple[str, int, float, float]]) -> list[list[Claim]]:
        return [self._claim(transaction, *call) for call in calls]

    def claim_fresh(self, transaction: Transaction, limits: Mapping[str, int], now: float, lease: float) -> list[Claim]:
        fed = [name for name in limits if transaction.has_gained(name, WAITING)]
        return [claim for name in fed for claim in self._claim(transaction, name, limits[name], now, lease)]

    def finish(self, transaction: Transaction, calls: list[Sequence[Result]]) -> list[Finished]:
        bulk = {result.delivery_id: result for call in calls for result in call if self._is_simple(result)}
        taken = self._finish_many(transaction, list(bulk.values())) if bulk else {}
        return [self._finish(transaction, call, taken) for call in calls]

    def _claim(self, transaction: Transaction, handler: str, limit: int, now: float, lease: float) -> list[Claim]:
        rows = transaction.rows(CLAIM, (now, now + lease, handler, now, max(limit, 0)))
        rows.sort(key=lambda row: (row[9], row[0]))
        claims = [_claimed(row, handler, now + lease) for row in rows]
        transaction.count(handler, WAITING, -len(claims))
        transaction.count(handler, RUNNING, len(claims))
        for claim in claims:
            if claim.key is None:
                self._held[claim.id] = _Held(claim.run, handler, claim.attempt)
        return claims

    def _is_simple(self, result: Result) -> bool:
        held = self._held.get(result.delivery_id)
        return held is not None and held.run == result.run and result.counts and not result.children

    def _finish_many(self, transaction: Transaction, results: list[Result]) -> dict[int, str]:
        """Take the results of held deliveries, all or, where one has been taken away, none; their handlers."""
        transaction.execute("SAVEPOINT bulk")
        changed = FINISH_MANY.run(transaction.connection, [_ending(result) for result in results])
        if changed != len(results):
            transaction.execute("ROLLBACK TO bulk")
        transaction.execute("RELEASE bulk")
        held = [(result, self._held.pop(result.delivery_id)) for result in results]
        if changed != len(results):
            return {}
        _record(transaction, ((result, claim.attempt) for result, claim in held))
        for result, claim in held:
            transaction.move(claim.handler, RUNNING, CODES[result.state])
        return {result.delivery_id: claim.handler for result, claim in held}

    def _finish(self, transaction: Transaction, results: Sequence[Result], taken: dict[int, str]) -> Finished:
        woken = {
            taken[result.delivery_id]
            for result in results
            if result.delivery_id in taken and result.state is State.WAITING
        }
        lost: list[int] = []
        for result in results:
            if result.delivery_id in taken:
                continue
            self._held.pop(result.delivery_id, None)
            place = _place(transaction, result.delivery_id)
            if place is None or place.state != RUNNING or place.runs != result.run:
                lost.append(result.delivery_id)
            else:
                woken |= _finish_one(transaction, place, result)
        return Finished(tuple(sorted(woken)), tuple(lost))

    def recover(self, transaction: Transaction, now: float, everything: bool) -> int:
        places = [Place(*row) for row in transaction.rows(LEASED, (_FOREVER if everything else now,))]
        for place in places:
            self._held.pop(place.id, None)
            began = place.claimed_at if place.claimed_at is not None else now
            result = Result(place.id, place.runs, State.WAITING, began, now, due_at=now, detail=_LOST)
            _end_run(transaction, place, result, "lost")
        return len(places)


def _claimed(row: tuple[Any, ...], handler: str, leased_until: float) -> Claim:
    id_, notification_id, webhook, rule, run, attempt, key, event_time, created_at, _, body, part, received = row
    document = _document(received, part)
    return Claim(
        id=id_,
        notification_id=notification_id,
        webhook_id=webhook_id(webhook),
        rule=rule,
        handler=handler,
        run=run,
        attempt=attempt,
        key=key,
        event_time=event_time,
        created_at=created_at,
        leased_until=leased_until,
        notification_body=received if document is None else b"",
        notification_part=part,
        body=body,
        document=document,
    )


def _document(received: bytes, part: int) -> Mapping[str, Any] | None:
    """What handlers see of a notification, None where only somebody else can read it: encrypted, or damaged."""
    try:
        document = read_stored(received, part).document
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    try:
        return Unread.of(document)
    except TypeError:
        return document


def _place(transaction: Transaction, id_: int) -> Place | None:
    row = transaction.row(PLACE, (id_,))
    return None if row is None else Place(*row)


def _ending(result: Result) -> tuple[object, ...]:
    """A result as a row of FINISH_MANY."""
    return (result.delivery_id, result.run, CODES[result.state], *_times(result), result.detail)


def _times(result: Result) -> tuple[float | None, float | None]:
    """When a delivery is due again, and when it ended: one of the two."""
    if result.state is not State.WAITING:
        return None, result.ended_at
    return (result.ended_at if result.due_at is None else result.due_at), None


def _record(transaction: Transaction, attempts: Iterable[tuple[Result, int]], outcome: str | None = None) -> None:
    """Keep attempts: results with the numbers of their attempts."""
    rows = [
        (
            result.delivery_id,
            result.run,
            number,
            result.started_at,
            result.ended_at,
            outcome or _OUTCOMES[result.state],
            result.status,
            result.detail,
            result.response,
            result.request_id,
        )
        for result, number in attempts
    ]
    ADD_ATTEMPTS.run(transaction.connection, rows)


def _finish_one(transaction: Transaction, place: Place, result: Result) -> set[str]:
    """Take one result; the handlers that may have something due."""
    outcome = _OUTCOMES[result.state]
    if not result.counts:
        outcome = "postponed"
        transaction.execute(DROP_POSTPONED, (place.id, place.runs - 1))
    woken = _end_run(transaction, place, result, outcome)
    for child in result.children:
        add(transaction, _newcomer(place, child, result.ended_at))
        woken.add(child.handler)
    return woken


def _end_run(transaction: Transaction, place: Place, result: Result, outcome: str) -> set[str]:
    """Record a run and move its delivery on, and its line behind it."""
    now, waits = result.ended_at, result.state is State.WAITING
    _record(transaction, [(result, place.attempts + 1)], outcome)
    state = CODES[result.state]
    if waits and place.key is not None:
        state = BLOCKED
    transaction.execute(FINISH, (state, result.counts, *_times(result), result.detail, place.id))
    if result.begun:
        transaction.execute(BEGIN, (place.id,))
    transaction.move(place.handler, RUNNING, state)
    woken = {place.handler} if waits else set[str]()
    if place.key is None:
        return woken
    if state == DONE and place.newest_only:
        note_done(transaction, place, now)
    if waits:
        join(transaction, place, now)
    elif settle(transaction, place.handler, place.key, now):
        woken.add(place.handler)
    return woken


def _newcomer(parent: Place, child: Child, now: float) -> Newcomer:
    route = Route(rule=parent.rule, handler=child.handler, key=parent.key)
    key = chain_key(parent.webhook, child.handler)
    return Newcomer(parent.notification_id, key, route, parent.event_time, now, parent.id, child.body)
