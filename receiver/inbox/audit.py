"""What people did through the console and the API: who, when, what, and to which deliveries.

Entries are written before the action, so that none happens unseen, and kept for two years.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from receiver.inbox.filters import Conditions
from receiver.inbox.tokens import Tables
from receiver.inbox.transaction import Transaction

ACTIONS = """
CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    ids TEXT NOT NULL
);
"""
KEPT = 730 * 86400.0
"""Seconds that an entry is kept."""
_DROP_AT_ONCE = 10
_ADD = "INSERT INTO actions (at, who, action, detail, ids) VALUES (?, ?, ?, ?, ?)"
_DROP = "DELETE FROM actions WHERE id IN (SELECT id FROM actions ORDER BY id LIMIT ?) AND at < ?"
_LIST = "SELECT id, at, who, action, detail, ids FROM actions"


@dataclass(frozen=True, slots=True)
class Action:
    """One entry. `at`: seconds since the epoch."""

    at: float
    who: str
    """`unix:NAME`, or how somebody who knew the token came in: `token (ADDRESS)`, `session ID (ADDRESS)`."""
    action: str
    """A constant: `login`, `logout`, `replay`, `cancel`."""
    detail: str = ""
    ids: tuple[int, ...] = ()
    """The deliveries meant, where they were named or few; else `detail` has the filter."""
    id: int = 0


class Audit:
    """The entries of an inbox. Every coroutine raises Unavailable where the inbox cannot work now."""

    def __init__(self, inbox: Tables) -> None:
        self._inbox = inbox

    async def add(self, action: Action) -> None:
        """Keep an entry; returns once it is on disk."""
        await self._inbox.write(_add, action)

    async def entries(self, *, before_id: int | None = None, action: str | None = None, limit: int) -> list[Action]:
        """Entries, newest first, older than `before_id`; of one action or of all."""
        conditions = Conditions()
        conditions.add("id < ?", before_id)
        conditions.add("action = ?", action)
        text = f"{_LIST}{conditions.where} ORDER BY id DESC LIMIT ?"
        return [_action(row) for row in await self._inbox.rows(text, (*conditions.values, limit))]


def _action(row: Sequence[Any]) -> Action:
    id_, at, who, action, detail, ids = row
    return Action(at, who, action, detail, tuple(map(int, ids.split())), id_)


def _add(transaction: Transaction, actions: list[Action]) -> list[None]:
    for each in actions:
        ids = " ".join(map(str, each.ids))
        transaction.execute(_ADD, (each.at, each.who, each.action, each.detail, ids))
        transaction.execute(_DROP, (_DROP_AT_ONCE, each.at - KEPT))
    return [None] * len(actions)
