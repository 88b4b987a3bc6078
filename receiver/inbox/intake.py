"""Taking notifications in: each once, with its deliveries, many in one transaction."""

from collections import Counter
from collections.abc import Sequence

from receiver.inbox.identity import repeat_key, webhook_key
from receiver.inbox.line import Newcomer, add, add_plain, is_plain
from receiver.inbox.seen import add_seen, seen_before
from receiver.inbox.statements import (
    ADD_BODIES,
    ADD_NOTIFICATIONS,
    COUNT_REPEATS,
    FOR_ROUTES,
    HAS_ROUTE,
    LAST_NOTIFICATION,
    MARK_ROUTED,
    STILLBORN,
)
from receiver.inbox.store import Accepted, Entry, Route, Stillborn
from receiver.inbox.transaction import Transaction


def accept(transaction: Transaction, calls: list[Sequence[Entry]]) -> list[list[Accepted]]:
    """Keep the entries of many calls. A repeat is counted and runs nothing, also one of the same batch."""
    entries = [entry for call in calls for entry in call]
    keys = [repeat_key(entry.notification.dedup_key) for entry in entries]
    known = seen_before(transaction, keys)
    last = transaction.row(LAST_NOTIFICATION)
    next_id = last[0] + 1 if last else 1
    answers: list[Accepted] = []
    fresh: list[tuple[int, bytes, Entry]] = []
    for key, entry in zip(keys, entries, strict=True):
        id_ = known.setdefault(key, next_id)
        if id_ == next_id:
            fresh.append((id_, key, entry))
            next_id += 1
            answers.append(Accepted(id_, False, _handlers(entry.routes)))
        else:
            answers.append(Accepted(id_, True))
    _keep(transaction, fresh)
    _count_repeats(transaction, answers)
    dead = _stillborn(transaction, fresh)
    if dead:
        answers = [each if each.duplicate else each._replace(dead=dead.get(each.id, ())) for each in answers]
    remaining = iter(answers)
    return [[next(remaining) for _ in call] for call in calls]


def reroute(transaction: Transaction, calls: list[tuple[int, Sequence[Route], float]]) -> list[tuple[str, ...]]:
    """Add deliveries that a kept notification lacks; the handlers woken, none for a notification that is not kept."""
    return [_reroute(transaction, *call) for call in calls]


def _keep(transaction: Transaction, fresh: list[tuple[int, bytes, Entry]]) -> None:
    connection = transaction.connection
    add_seen(transaction, [(key, id_, entry.received_at) for id_, key, entry in fresh])
    ADD_NOTIFICATIONS.run(connection, [_row(id_, entry) for id_, _, entry in fresh])
    ADD_BODIES.run(connection, [(id_, entry.notification.part, entry.body) for id_, _, entry in fresh])
    transaction.count_notifications(len(fresh))
    newcomers = [_newcomer(id_, entry, route) for id_, _, entry in fresh for route in entry.routes]
    add_plain(transaction, [new for new in newcomers if is_plain(new.route)])
    for new in newcomers:
        if not is_plain(new.route):
            add(transaction, new)


def _stillborn(transaction: Transaction, fresh: list[tuple[int, bytes, Entry]]) -> dict[int, tuple[Stillborn, ...]]:
    """Of the notifications that were just kept, the deliveries that are dead already."""
    ids = [id_ for id_, _, entry in fresh if any(route.dead is not None for route in entry.routes)]
    return {id_: tuple(Stillborn(*row) for row in transaction.rows(STILLBORN, (id_,))) for id_ in ids}


def _row(id_: int, entry: Entry) -> tuple[object, ...]:
    """A notification as a row of ADD_NOTIFICATIONS."""
    notification = entry.notification
    return (
        id_,
        notification.dedup_key,
        notification.type,
        notification.version,
        notification.notification_id,
        notification.envelope.message_id,
        notification.envelope.topic,
        notification.seller_id,
        notification.marketplace_id,
        notification.event_time,
        entry.received_at,
        bool(entry.routes),
    )


def _newcomer(id_: int, entry: Entry, route: Route) -> Newcomer:
    notification = entry.notification
    webhook = webhook_key(notification.dedup_key, route.rule, route.handler)
    return Newcomer(id_, webhook, route, notification.event_time, entry.received_at)


def _handlers(routes: Sequence[Route]) -> tuple[str, ...]:
    return tuple({route.handler: None for route in routes if route.dead is None})


def _count_repeats(transaction: Transaction, answers: list[Accepted]) -> None:
    repeats = Counter(answer.id for answer in answers if answer.duplicate)
    for id_, count in repeats.items():
        transaction.execute(COUNT_REPEATS, (count, id_))


def _reroute(transaction: Transaction, id_: int, routes: Sequence[Route], now: float) -> tuple[str, ...]:
    kept = transaction.row(FOR_ROUTES, (id_,))
    if kept is None:
        return ()
    dedup_key, event_time = kept
    missing = [route for route in routes if transaction.row(HAS_ROUTE, (id_, route.rule, route.handler)) is None]
    for route in missing:
        new = Newcomer(id_, webhook_key(dedup_key, route.rule, route.handler), route, event_time, now)
        if is_plain(route):
            add_plain(transaction, [new])
        else:
            add(transaction, new)
    if missing:
        transaction.execute(MARK_ROUTED, (id_,))
    return _handlers(missing)
