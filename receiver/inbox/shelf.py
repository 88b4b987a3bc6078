"""Deliveries kept in memory, and how those of one key stand in line: the twin of `receiver.inbox.line`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from receiver.inbox.identity import webhook_id
from receiver.inbox.line import NEWER_DONE_BEFORE, NEWER_WAITS, ONCE_BEFORE
from receiver.inbox.listing import AttemptRow, DeliveryRow, State
from receiver.inbox.store import Route

FINAL = frozenset({State.DONE, State.DEAD, State.SUPERSEDED})
_STANDING = frozenset({State.WAITING, State.BLOCKED})


@dataclass(slots=True, eq=False)
class Kept:
    """A delivery in memory."""

    id: int
    notification_id: int
    parent_id: int | None
    webhook: bytes
    route: Route
    created_at: float
    event_time: float
    due_at: float
    body: bytes | None
    state: State = State.BLOCKED
    attempts: int = 0
    runs: int = 0
    claimed_at: float = 0.0
    leased_until: float | None = None
    finished_at: float | None = None
    reason: str = ""
    begun: bool = False
    superseded_by: int | None = None
    history: list[tuple[int, AttemptRow]] = field(default_factory=list)

    @property
    def order(self) -> tuple[float, int]:
        """Its place in its line."""
        return self.event_time, self.id

    @property
    def subject(self) -> tuple[str, str, str | None]:
        """Newer deliveries of the same subject may replace it."""
        return self.route.rule, self.route.handler, self.route.key

    def row(self, type_: str) -> DeliveryRow:
        """The delivery as listed."""
        return DeliveryRow(
            id=self.id,
            notification_id=self.notification_id,
            parent_id=self.parent_id,
            webhook_id=webhook_id(self.webhook),
            rule=self.route.rule,
            handler=self.route.handler,
            key=self.route.key,
            state=self.state,
            attempts=self.attempts,
            created_at=self.created_at,
            event_time=self.event_time,
            due_at=self.due_at,
            leased_until=self.leased_until,
            finished_at=self.finished_at,
            body=self.body,
            reason=self.reason,
            superseded_by=self.superseded_by,
            type=type_,
        )


class Shelf:
    """All deliveries, with those that are not final by their handler."""

    def __init__(self) -> None:
        self.all: dict[int, Kept] = {}
        self.newest: dict[tuple[str, str, str | None], tuple[Any, ...]] = {}
        """Of a subject the newest event done: its time, its delivery, and when that was."""
        self.once: dict[tuple[str, str, str], tuple[Any, ...]] = {}
        """Of a kind the first delivery, and when it came."""
        self._open: dict[str, dict[str | None, dict[int, Kept]]] = {}
        self._last = 0

    def next_id(self) -> int:
        """The id of the next delivery."""
        self._last += 1
        return self._last

    def open(self, handler: str) -> Iterator[Kept]:
        """A handler's deliveries that are not final."""
        return chain.from_iterable(line.values() for line in self._open.get(handler, {}).values())

    def add(self, kept: Kept, now: float) -> None:
        """Take a new delivery in and give it its place."""
        self.all[kept.id] = kept
        route = kept.route
        if route.dead is not None:
            self.end(kept, State.DEAD, route.dead, now)
        elif not self._repeats_once(kept, now):
            self.stand(kept, now)

    def stand(self, kept: Kept, now: float) -> None:
        """Let a delivery wait, in its line where it has a key, unless it is superseded."""
        kept.state, kept.leased_until, kept.finished_at = State.BLOCKED, None, None
        self._line(kept)[kept.id] = kept
        if kept.route.key is None:
            kept.state = State.WAITING
            return
        newest = self.newest.get(kept.subject)
        if kept.route.newest_only and newest is not None and newest[0] > kept.event_time:
            self._supersede(kept, newest[1], NEWER_DONE_BEFORE, now)
        elif kept.route.coalesce is not None:
            self._coalesce(kept, now)
        self.settle(kept, now)

    def end(self, kept: Kept, state: State, reason: str, now: float) -> None:
        """Bring a delivery to a final state."""
        kept.state, kept.reason, kept.finished_at, kept.leased_until = state, reason, now, None
        self._line(kept).pop(kept.id, None)

    def settle(self, kept: Kept, now: float) -> bool:
        """Put the earliest of a delivery's line in front unless one runs; whether a delivery was released."""
        if kept.route.key is None:
            return False
        line = sorted(self._line(kept).values(), key=lambda each: each.order)
        runs = any(each.state is State.RUNNING for each in line)
        standing = [each for each in line if each.state in _STANDING]
        released = False
        for place, each in enumerate(standing):
            if place == 0 and not runs:
                released = each.state is State.BLOCKED
                each.due_at = max(each.due_at, now) if released else each.due_at
                each.state = State.WAITING
            else:
                each.state = State.BLOCKED
        return released

    def note_done(self, kept: Kept, now: float) -> None:
        """Remember the newest event done, and supersede what stands and is older."""
        newest = self.newest.get(kept.subject)
        if newest is None or kept.event_time >= newest[0]:
            self.newest[kept.subject] = (kept.event_time, kept.id, now)
        for each in self._rivals(kept):
            if each.route.newest_only and each.event_time < kept.event_time:
                self._supersede(each, kept.id, NEWER_DONE_BEFORE, now)

    def drop(self, deliveries: Iterable[Kept]) -> None:
        """Forget deliveries that are final."""
        for kept in deliveries:
            del self.all[kept.id]

    def _line(self, kept: Kept) -> dict[int, Kept]:
        return self._open.setdefault(kept.route.handler, {}).setdefault(kept.route.key, {})

    def _rivals(self, kept: Kept) -> list[Kept]:
        line = self._line(kept).values()
        standing = [each for each in line if each.subject == kept.subject and each.state in _STANDING]
        return sorted(standing, key=lambda each: each.order)

    def _supersede(self, kept: Kept, by: int, reason: str, now: float) -> None:
        self.end(kept, State.SUPERSEDED, reason, now)
        kept.superseded_by = by

    def _coalesce(self, kept: Kept, now: float) -> None:
        *before, newest = [each for each in self._rivals(kept) if each.route.coalesce is not None]
        older = [each for each in before if not each.begun]
        for each in older:
            self._supersede(each, newest.id, NEWER_WAITS, now)
        if not (newest.attempts or newest.begun):
            newest.due_at = min([newest.due_at, *(each.due_at for each in older if not each.attempts)])

    def _repeats_once(self, kept: Kept, now: float) -> bool:
        once = kept.route.once
        if once is None:
            return False
        name = (kept.route.rule, kept.route.handler, once.key)
        first = self.once.get(name)
        if first is not None and now - first[1] <= once.within and not self._is_void(first[0]):
            self._supersede(kept, first[0], ONCE_BEFORE, now)
            return True
        self.once[name] = (kept.id, now)
        return False

    def _is_void(self, id_: int) -> bool:
        return id_ in self.all and self.all[id_].state in {State.DEAD, State.SUPERSEDED}
