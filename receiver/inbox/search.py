"""Finding notifications by identifier, text and filters, in bounded work however many are kept.

An identifier (order id, ASIN, SKU, seller, as `receiver.inbox.identifiers` takes them from messages) is looked up in
the index, and in the tail of notifications that have not reached it yet. Any other text is looked for in the messages
themselves, newest first, for about a second; the answer says how far that came and where to go on.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from receiver.inbox.entities import INDEXED, indexed_upto
from receiver.inbox.filters import of_notifications
from receiver.inbox.identifiers import LONGEST, fold
from receiver.inbox.identity import repeat_key
from receiver.inbox.listing import NotificationFilter, NotificationRow
from receiver.inbox.phrases import Named, Phrase, Reveal, plain
from receiver.inbox.seen import KEPT_AS
from receiver.inbox.sqlite import SqliteInbox

_PATIENCE = 1.0
_PAGE = 200
_MOST_VALUES = 20
_LAST = "SELECT ifnull(max(id), 0) FROM notifications"
_FIRST = "SELECT ifnull(min(id), 0) FROM notifications"
_RECEIVED = "SELECT received_at FROM notifications WHERE id >= ? ORDER BY id LIMIT 1"
_FROM = "SELECT id FROM notifications WHERE received_at >= ? ORDER BY received_at LIMIT 1"
_UNTIL = "SELECT id FROM notifications WHERE received_at < ? ORDER BY received_at DESC LIMIT 1"
_CLOCK_SLACK = 1_000
"""Notifications by which arrival times may be out of order, after a clock was set back."""
_VALUES = "SELECT DISTINCT value FROM entities WHERE value >= ? AND value < ? LIMIT ?"
_NAMED = (
    "SELECT notification_id FROM entities WHERE value = ? AND notification_id < ? ORDER BY notification_id DESC LIMIT ?"
)
_NO_BODY = "SELECT notifications.id FROM notifications"
_WITH_BODY = (
    "SELECT notifications.id, bodies.part, bodies.body FROM notifications "
    "JOIN bodies ON bodies.notification_id = notifications.id"
)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: a text (one identifier or phrase, empty for any), within a filter."""

    text: str = ""
    which: NotificationFilter = field(default_factory=NotificationFilter)
    """Its `before_id` is where an earlier answer said to go on."""
    whole: bool = False
    """Look in whole messages also for what the index knows."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, newest first."""

    rows: list[NotificationRow]
    next_id: int | None
    """The `before_id` to go on with, None where nothing older is left to look at."""
    looked: int
    """How many messages were looked through one by one, 0 where the index answered alone."""
    back_to: float | None
    """When the oldest of those was received, where the search stopped for time."""
    whole: bool
    """Whether whole messages were looked through, beyond the tail of the index."""


class Searcher:
    """Searches an inbox, best one opened to be read for this alone: a search may take its connection for a second.

    Raises Unavailable as all who read do.
    """

    def __init__(
        self,
        inbox: SqliteInbox,
        reveal: Reveal = plain,
        *,
        patience: float = _PATIENCE,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`reveal` opens what is kept encrypted; `patience`: seconds after which a search stops."""
        self._inbox = inbox
        self._reveal = reveal
        self._patience = patience
        self._timer = timer

    async def indexed(self) -> tuple[int, int]:
        """The last notification that is indexed, and the last of all."""
        notes = await self._inbox.notes(INDEXED)
        return indexed_upto(notes.get(INDEXED)), (await self._inbox.rows(_LAST))[0][0]

    async def find(self, search: Search) -> Found:
        """One page of what is looked for."""
        term = fold(search.text) or fold(search.which.seller_id or "")
        values = await self._values(term) if not search.whole and _may_be_identifier(term) else None
        # Of more identifiers than that the first would hide all others, the newest among them.
        if values is not None and len(values) <= _MOST_VALUES:
            found = await self._by_identifier(search, term, values)
            if found.rows or found.next_id is not None or not search.text.strip():
                return found
        low, high = await self._bounds(search.which)
        phrase = Phrase(search.text.strip(), self._reveal)
        found = await self._page(search, self._scan(search, low, high, phrase), whole=True)
        return found if values is None else await self._with_direct(found, search, term)

    async def _by_identifier(self, search: Search, term: str, values: list[str]) -> Found:
        """The tail that is not indexed yet, then the index."""
        indexed, _ = await self.indexed()
        low, high = await self._bounds(search.which)
        tail = self._scan(search, max(low, indexed + 1), high, Named(term, self._reveal, exact=term in values))
        found = await self._page(search, _joined(tail, self._indexed(search, values, high)), whole=False)
        return await self._with_direct(found, search, term)

    async def _with_direct(self, found: Found, search: Search, term: str) -> Found:
        """The first page with the notification of that very id before all others."""
        if search.which.before_id is not None:
            return found
        more = set(await self._kept(await self._direct(term), search.which)) - {row.id for row in found.rows}
        return replace(found, rows=[*await self._rows(list(more)), *found.rows])

    async def _values(self, term: str) -> list[str]:
        """The indexed identifier of that name; else those that begin with it, one more than `_MOST_VALUES` at most."""
        rows = await self._inbox.rows(_VALUES, (term, term + "\0", 1))
        if not rows:
            rows = await self._inbox.rows(_VALUES, (term, term + "\U0010ffff", _MOST_VALUES + 1))
        return [value for (value,) in rows]

    async def _direct(self, term: str) -> list[int]:
        """The notification of an inbox id, of SP-API's NotificationId or, where it has none, of SNS's MessageId."""
        keys = [repeat_key(f"{kind}:{term}") for kind in ("n", "m")]
        found = [id_ for key in keys for (id_,) in await self._inbox.rows(KEPT_AS, (key,))]
        return found + ([int(term)] if term.isascii() and term.isdigit() and len(term) < 16 else [])

    async def _indexed(self, search: Search, values: list[str], high: int) -> "AsyncGenerator[_Step, None]":
        """What the index names, of several identifiers in the order of the notifications."""
        before = high + 1
        while True:
            ids = {row[0] for value in values for row in await self._inbox.rows(_NAMED, (value, before, _PAGE))}
            page = sorted(ids, reverse=True)[:_PAGE]
            if not page:
                return
            before = page[-1]
            yield _Step(await self._kept(page, search.which), before, 0)

    async def _kept(self, ids: list[int], which: NotificationFilter) -> list[int]:
        if not ids:
            return []
        conditions = of_notifications(replace(which, ids=tuple(ids)))
        rows = await self._inbox.rows(f"{_NO_BODY}{conditions.where} ORDER BY id DESC", conditions.values)
        return [row[0] for row in rows]

    async def _bounds(self, which: NotificationFilter) -> tuple[int, int]:
        """The lowest and the highest id that a filter's times can mean."""
        low, high = (await self._inbox.rows(_FIRST))[0][0], (await self._inbox.rows(_LAST))[0][0]
        if which.since is not None:
            rows = await self._inbox.rows(_FROM, (which.since,))
            low = max(low, rows[0][0] - _CLOCK_SLACK if rows else high + 1)
        if which.until is not None:
            rows = await self._inbox.rows(_UNTIL, (which.until,))
            high = min(high, rows[0][0] + _CLOCK_SLACK if rows else 0)
        return low, high if which.before_id is None else min(high, which.before_id - 1)

    async def _scan(self, search: Search, low: int, high: int, wanted: Phrase) -> "AsyncGenerator[_Step, None]":
        """Look through notifications from `high` down to `low`, a stride at a time."""
        stride = wanted.stride
        while high >= low:
            bottom = max(low, high - stride + 1)
            conditions = of_notifications(replace(search.which, before_id=high + 1))
            conditions.add("notifications.id >= ?", bottom)
            wanted.restrict(conditions)
            text = f"{_WITH_BODY if wanted.text else _NO_BODY}{conditions.where} ORDER BY notifications.id DESC"
            rows = await self._inbox.rows(text, conditions.values)
            # Reading messages takes the interpreter, which belongs to pushes.
            ids = await asyncio.to_thread(wanted.among, rows)
            yield _Step(ids, bottom, high - bottom + 1)
            high = bottom - 1

    async def _page(self, search: Search, steps: "AsyncGenerator[_Step, None]", *, whole: bool) -> Found:
        """Gather steps until the page is full, nothing is left or time is up."""
        most = search.which.limit or _PAGE
        ends = self._timer() + self._patience
        ids: dict[int, None] = {}
        looked = 0
        async with aclosing(steps):
            async for step in steps:
                ids |= dict.fromkeys(step.ids)
                looked += step.looked
                if len(ids) > most:
                    page = list(ids)[:most]
                    return Found(await self._rows(page), page[-1], looked, None, whole)
                if self._timer() > ends:
                    back_to = await self._received(step.bottom)
                    return Found(await self._rows(list(ids)), step.bottom, looked, back_to, whole)
        return Found(await self._rows(list(ids)), None, looked, None, whole)

    async def _received(self, id_: int) -> float | None:
        rows = await self._inbox.rows(_RECEIVED, (id_,))
        return rows[0][0] if rows else None

    async def _rows(self, ids: list[int]) -> list[NotificationRow]:
        return await self._inbox.notifications(NotificationFilter(ids=tuple(ids), limit=None)) if ids else []


@dataclass(frozen=True, slots=True)
class _Step:
    """Ids that fit, all that is left being older than `bottom`; `looked`: messages looked through for them."""

    ids: list[int]
    bottom: int
    looked: int


def _may_be_identifier(term: str) -> bool:
    return 0 < len(term) <= LONGEST and not any(character.isspace() for character in term)


async def _joined(*parts: "AsyncGenerator[_Step, None]") -> "AsyncGenerator[_Step, None]":
    for part in parts:
        async for step in part:
            yield step
