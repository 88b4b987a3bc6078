"""What time does to notifications: those whose deliveries have all ended are deleted, a few rows a transaction.

What is old and not ended (it waits for a handler that was removed, say) is passed over, and may be much: so a
transaction looks at a bounded number of rows, and the next one goes on where it ended.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from receiver.inbox.executor import Operation
from receiver.inbox.statements import DELIVERIES_OF, PRUNABLE, PRUNABLE_COUNT, PRUNE, PRUNE_ATTEMPTS
from receiver.inbox.transaction import Transaction

Place = tuple[float, int]
"""When a notification was received, and its id."""

_START: Place = (float("-inf"), 0)
_LOOKED_AT = 500
_DELETED = 200


@dataclass(frozen=True, slots=True)
class Window:
    """Notifications received before a time, behind a place; up to `limit` of them may be deleted."""

    before: float
    after: Place
    limit: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many were deleted, and the last that was looked at; None where there are no more."""

    count: int
    after: Place | None


class Pruning:
    """Deletes step by step. `write` does an operation in a transaction of its own."""

    def __init__(self, write: Callable[[Operation[Window, Pruned], Window], Awaitable[Pruned]]) -> None:
        self._write = write
        self._place = _START

    async def run(self, before: float, limit: int) -> int:
        """Delete up to `limit` notifications received before a time; fewer only where there are no more."""
        deleted, began, turned = 0, self._place, False
        while deleted < limit and not (turned and self._place >= began):
            done = await self._write(prune, Window(before, self._place, min(_DELETED, limit - deleted)))
            deleted += done.count
            self._place = done.after or _START
            if done.after is None:
                # The end: what lies before the place where this call began may have ended meanwhile.
                if turned or began == _START:
                    break
                turned = True
        return deleted


async def prunable(rows: Callable[[str, Sequence[Any]], Awaitable[list[Any]]], before: float) -> int:
    """How many could be deleted; `rows` answers a query, as an inbox does."""
    return int((await rows(PRUNABLE_COUNT, (before,)))[0][0])


def prune(transaction: Transaction, calls: list[Window]) -> list[Pruned]:
    """Delete what can be of each window."""
    return [_prune(transaction, window) for window in calls]


def _prune(transaction: Transaction, window: Window) -> Pruned:
    rows = transaction.rows(PRUNABLE, (*window.after, window.before, _LOOKED_AT))
    deleted = 0
    after: Place | None = None
    for id_, received_at, is_open in rows:
        if deleted == window.limit:
            return _counted(transaction, Pruned(deleted, after))
        after = (received_at, id_)
        if not is_open:
            _delete(transaction, id_)
            deleted += 1
    return _counted(transaction, Pruned(deleted, after if len(rows) == _LOOKED_AT else None))


def _delete(transaction: Transaction, id_: int) -> None:
    for delivery_id, handler, state in transaction.rows(DELIVERIES_OF, (id_,)):
        transaction.execute(PRUNE_ATTEMPTS, (delivery_id,))
        transaction.count(handler, state, -1)
    for statement in PRUNE:
        transaction.execute(statement, (id_,))


def _counted(transaction: Transaction, done: Pruned) -> Pruned:
    transaction.count_notifications(-done.count)
    return done
