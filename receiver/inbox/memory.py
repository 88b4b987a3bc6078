"""An inbox in memory, for trials and tests: it answers as the one in a file does, and nothing outlives it.

Longer than 300 lines: the whole contract in one place, to be read beside the statements it has to agree with.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from receiver.inbox.identity import chain_key, webhook_id, webhook_key
from receiver.inbox.line import is_plain
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
from receiver.inbox.matching import wants_delivery, wants_notification
from receiver.inbox.shelf import FINAL, Kept, Shelf
from receiver.inbox.store import Accepted, Child, Claim, Entry, Finished, Result, Route, Stillborn

K = TypeVar("K")

_OUTCOMES = {State.DONE: "done", State.DEAD: "dead", State.WAITING: "retry"}
_LOST = "the daemon ended during this run, or its lease ran out"


@dataclass(slots=True)
class _Received:
    entry: Entry
    routed: bool
    repeats: int = 0


class MemoryInbox:
    """An Inbox in memory. `restart` does to leases what ending the process and opening a file anew does."""

    def __init__(self) -> None:
        self._shelf = Shelf()
        self._received: dict[int, _Received] = {}
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._notes: dict[str, bytes] = {}
        self._last = 0
        self._inherits = True

    def restart(self) -> None:
        """Let the next `recover` take all leases back."""
        self._inherits = True

    async def accept(self, entries: Sequence[Entry]) -> list[Accepted]:
        known = self._last
        answers = [self._accept(entry) for entry in entries]
        fresh = [(id_, self._received[id_].entry) for id_ in range(known + 1, self._last + 1)]
        newcomers = [(id_, entry, route) for id_, entry in fresh for route in entry.routes]
        newcomers.sort(key=lambda new: not is_plain(new[2]))
        for id_, entry, route in newcomers:
            self._add(id_, entry, route, entry.received_at)
        return [each if each.duplicate else each._replace(dead=self._stillborn(each.id)) for each in answers]

    async def claim(self, handler: str, limit: int, now: float, lease: float) -> list[Claim]:
        return self._claim(handler, limit, now, lease)

    def _claim(self, handler: str, limit: int, now: float, lease: float) -> list[Claim]:
        due = [each for each in self._shelf.open(handler) if each.state is State.WAITING and each.due_at <= now]
        due.sort(key=lambda each: (each.due_at, each.id))
        return [self._lease(each, now, lease) for each in due[: max(limit, 0)]]

    def claim_fresh(self, limits: Mapping[str, int], now: float, lease: float) -> Awaitable[list[Claim]]:
        claimed = asyncio.get_running_loop().create_future()
        claimed.set_result([claim for name, limit in limits.items() for claim in self._claim(name, limit, now, lease)])
        return claimed

    async def finish(self, results: Sequence[Result]) -> Finished:
        woken: set[str] = set()
        lost: list[int] = []
        for result in results:
            kept = self._shelf.all.get(result.delivery_id)
            if kept is None or kept.state is not State.RUNNING or kept.runs != result.run:
                lost.append(result.delivery_id)
            else:
                woken |= self._finish(kept, result, _OUTCOMES[result.state] if result.counts else "postponed")
        return Finished(tuple(sorted(woken)), tuple(lost))

    async def extend(self, claims: Sequence[tuple[int, int]], leased_until: float) -> tuple[tuple[int, int], ...]:
        lost: list[tuple[int, int]] = []
        for id_, run in claims:
            kept = self._shelf.all.get(id_)
            if kept is not None and kept.state is State.RUNNING and kept.runs == run:
                kept.leased_until = leased_until
            else:
                lost.append((id_, run))
        return tuple(lost)

    async def recover(self, now: float) -> int:
        leased = [each for each in self._shelf.all.values() if each.leased_until is not None]
        ended = [each for each in leased if self._inherits or (each.leased_until or 0.0) <= now]
        for kept in ended:
            result = Result(kept.id, kept.runs, State.WAITING, kept.claimed_at, now, due_at=now, detail=_LOST)
            self._finish(kept, result, "lost")
        self._inherits = False
        return len(ended)

    async def next_due(self, handler: str) -> float | None:
        return min((each.due_at for each in self._shelf.open(handler) if each.state is State.WAITING), default=None)

    async def replay(self, which: DeliveryFilter, now: float, spacing: float = 0.0) -> int:
        chosen = [each for each in self._chosen(which) if each.state in FINAL][: which.limit]
        for index, kept in enumerate(chosen):
            kept.attempts, kept.due_at, kept.reason, kept.superseded_by = 0, now + index * spacing, "", None
            kept.begun = False
            self._shelf.stand(kept, now)
        return len(chosen)

    async def cancel(self, which: DeliveryFilter, now: float, reason: str) -> int:
        chosen = [each for each in self._chosen(which) if each.state not in FINAL][: which.limit]
        for kept in chosen:
            self._shelf.end(kept, State.DEAD, reason, now)
        for kept in chosen:
            self._shelf.settle(kept, now)
        return len(chosen)

    async def reroute(self, notification_id: int, routes: Sequence[Route], now: float) -> tuple[str, ...]:
        received = self._received.get(notification_id)
        if received is None:
            return ()
        present = {(each.route.rule, each.route.handler) for each in self._of(notification_id) if not each.parent_id}
        missing = [route for route in routes if (route.rule, route.handler) not in present]
        for route in missing:
            self._add(notification_id, received.entry, route, now)
        received.routed = received.routed or bool(missing)
        return _handlers(missing)

    async def count(self, which: DeliveryFilter) -> dict[State, int]:
        return dict(Counter(each.state for each in self._chosen(which)))

    async def notification(self, id: int) -> NotificationRow | None:  # noqa: A002 - the contract's name
        return self._notification(id) if id in self._received else None

    async def notifications(self, which: NotificationFilter) -> list[NotificationRow]:
        ids = [id_ for id_ in reversed(self._received) if self._wanted(which, id_)]
        return [self._notification(id_) for id_ in ids[: which.limit]]

    async def delivery(self, id: int) -> DeliveryRow | None:  # noqa: A002 - the contract's name
        return self._row(self._shelf.all[id]) if id in self._shelf.all else None

    async def deliveries(self, which: DeliveryFilter) -> list[DeliveryRow]:
        return [self._row(each) for each in list(self._chosen(which))[::-1][: which.limit]]

    async def attempts(self, delivery_id: int) -> list[AttemptRow]:
        kept = self._shelf.all.get(delivery_id)
        return [row for _, row in kept.history] if kept else []

    async def stats(self) -> Stats:
        oldest: dict[str, float] = {}
        for kept in self._shelf.all.values():
            if kept.state not in FINAL:
                oldest[kept.route.handler] = min(kept.created_at, oldest.get(kept.route.handler, kept.created_at))
        return Stats(
            notifications=len(self._received),
            unrouted=Counter(each.entry.notification.type for each in self._received.values() if not each.routed),
            deliveries=Counter((each.route.handler, each.state) for each in self._shelf.all.values()),
            oldest_due=oldest,
            database_bytes=0,
        )

    async def save_subscription(self, subscription: Subscription) -> None:
        self._subscriptions[subscription.topic] = subscription

    async def subscriptions(self) -> list[Subscription]:
        return [self._subscriptions[topic] for topic in sorted(self._subscriptions)]

    async def save_note(self, name: str, value: bytes) -> None:
        self._notes[name] = value
        if not value:
            del self._notes[name]

    async def notes(self, prefix: str) -> dict[str, bytes]:
        return {name: value for name, value in self._notes.items() if name.startswith(prefix)}

    async def prune(self, before: float, limit: int) -> int:
        old = sorted((each.entry.received_at, id_) for id_, each in self._received.items())
        chosen = [
            id_
            for received_at, id_ in old
            if received_at < before and all(each.state in FINAL for each in self._of(id_))
        ][:limit]
        for id_ in chosen:
            self._shelf.drop(self._of(id_))
            del self._received[id_]
        return len(chosen)

    async def forget(self, before: float, limit: int) -> int:
        dropped = _drop_old(self._seen, before, limit)
        return dropped + _drop_old(self._shelf.newest, before, limit - dropped)

    async def forget_once(self, before: float, limit: int) -> int:
        return _drop_old(self._shelf.once, before, limit)

    async def changed_elsewhere(self) -> bool:
        return False

    async def close(self) -> None:
        """Nothing is to be closed."""

    def _accept(self, entry: Entry) -> Accepted:
        id_, _ = self._seen.get(entry.notification.dedup_key, (0, 0.0))
        if id_:
            if id_ in self._received:
                self._received[id_].repeats += 1
            return Accepted(id_, duplicate=True)
        self._last += 1
        self._seen[entry.notification.dedup_key] = (self._last, entry.received_at)
        self._received[self._last] = _Received(entry, bool(entry.routes))
        return Accepted(self._last, duplicate=False, handlers=_handlers(entry.routes))

    def _add(self, notification_id: int, entry: Entry, route: Route, now: float) -> None:
        notification = entry.notification
        webhook = webhook_key(notification.dedup_key, route.rule, route.handler)
        wait = route.coalesce or 0.0 if route.key is not None else 0.0
        times = (now, notification.event_time, now + wait)
        self._shelf.add(Kept(self._shelf.next_id(), notification_id, None, webhook, route, *times, None), now)

    def _add_child(self, parent: Kept, child: Child, now: float) -> None:
        route = Route(parent.route.rule, child.handler, key=parent.route.key)
        webhook = chain_key(parent.webhook, child.handler)
        origin = (parent.notification_id, parent.id, webhook, route)
        self._shelf.add(Kept(self._shelf.next_id(), *origin, now, parent.event_time, now, child.body), now)

    def _lease(self, kept: Kept, now: float, lease: float) -> Claim:
        kept.state, kept.claimed_at, kept.leased_until = State.RUNNING, now, now + lease
        kept.runs += 1
        entry = self._received[kept.notification_id].entry
        return Claim(
            id=kept.id,
            notification_id=kept.notification_id,
            webhook_id=webhook_id(kept.webhook),
            rule=kept.route.rule,
            handler=kept.route.handler,
            run=kept.runs,
            attempt=kept.attempts + 1,
            key=kept.route.key,
            event_time=kept.event_time,
            created_at=kept.created_at,
            leased_until=now + lease,
            notification_body=entry.body,
            notification_part=entry.notification.part,
            body=kept.body,
        )

    def _finish(self, kept: Kept, result: Result, outcome: str) -> set[str]:
        now, waits = result.ended_at, result.state is State.WAITING
        self._record(kept, result, outcome)
        kept.attempts += result.counts
        kept.begun |= result.begun
        woken = {kept.route.handler} if waits else set[str]()
        if waits:
            kept.reason = result.detail
            kept.due_at = now if result.due_at is None else result.due_at
            self._shelf.stand(kept, now)
        else:
            self._shelf.end(kept, result.state, result.detail, now)
            if result.state is State.DONE and kept.route.newest_only and kept.route.key is not None:
                self._shelf.note_done(kept, now)
            if self._shelf.settle(kept, now):
                woken.add(kept.route.handler)
        for child in result.children:
            self._add_child(kept, child, now)
            woken.add(child.handler)
        return woken

    def _record(self, kept: Kept, result: Result, outcome: str) -> None:
        before, last = kept.history[-1] if kept.history else (0, None)
        if outcome == "postponed" and last is not None and last.outcome == outcome and before == kept.runs - 1:
            kept.history.pop()
        row = AttemptRow(
            delivery_id=kept.id,
            number=kept.attempts + 1,
            started_at=result.started_at,
            ended_at=result.ended_at,
            outcome=outcome,
            status=result.status,
            detail=result.detail,
            response=result.response,
            request_id=result.request_id,
        )
        kept.history.append((kept.runs, row))

    def _stillborn(self, notification_id: int) -> tuple[Stillborn, ...]:
        dead = [each for each in self._of(notification_id) if each.route.dead is not None]
        return tuple(
            Stillborn(each.id, each.route.handler, each.route.rule, each.route.key, each.reason) for each in dead
        )

    def _of(self, notification_id: int) -> list[Kept]:
        return [each for each in self._shelf.all.values() if each.notification_id == notification_id]

    def _row(self, kept: Kept) -> DeliveryRow:
        return kept.row(self._received[kept.notification_id].entry.notification.type)

    def _notification(self, id_: int) -> NotificationRow:
        received = self._received[id_]
        notification = received.entry.notification
        return NotificationRow(
            id=id_,
            dedup_key=notification.dedup_key,
            type=notification.type,
            version=notification.version,
            notification_id=notification.notification_id,
            message_id=notification.envelope.message_id,
            topic=notification.envelope.topic,
            seller_id=notification.seller_id,
            marketplace_id=notification.marketplace_id,
            event_time=notification.event_time,
            received_at=received.entry.received_at,
            repeats=received.repeats,
            deliveries=dict(Counter(each.state for each in self._of(id_))),
            part=notification.part,
            body=received.entry.body,
        )

    def _wanted(self, which: NotificationFilter, id_: int) -> bool:
        received = self._received[id_]
        return wants_notification(which, id_, received.entry, received.routed)

    def _chosen(self, which: DeliveryFilter) -> Iterable[Kept]:
        for id_ in sorted(self._shelf.all):
            kept = self._shelf.all[id_]
            if wants_delivery(which, self._row(kept)):
                yield kept


def _drop_old(memory: dict[K, tuple[Any, ...]], before: float, limit: int) -> int:
    """Drop up to `limit` entries whose time, the last of their values, is before a time; how many."""
    old = sorted((value[-1], place) for place, value in enumerate(memory.values()) if value[-1] < before)
    names = list(memory)
    for _, place in old[:limit]:
        del memory[names[place]]
    return len(old[:limit])


def _handlers(routes: Sequence[Route]) -> tuple[str, ...]:
    return tuple({route.handler: None for route in routes if route.dead is None})
