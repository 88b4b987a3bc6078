"""What was counted in each minute, kept for the charts: one row a minute in which something happened."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from receiver.inbox.tokens import Tables
from receiver.inbox.transaction import Transaction

MINUTES = """
CREATE TABLE minutes (
    at INTEGER PRIMARY KEY,
    counts BLOB NOT NULL
);
"""
KEPT = 14 * 86400
"""Seconds that a minute is kept."""
_DROP_AT_ONCE = 60
_ADD = "INSERT INTO minutes (at, counts) VALUES (?, ?) ON CONFLICT DO UPDATE SET counts = excluded.counts"
_ONE = "SELECT counts FROM minutes WHERE at = ?"
_DROP = "DELETE FROM minutes WHERE at IN (SELECT at FROM minutes WHERE at < ? ORDER BY at LIMIT ?)"
_SINCE = "SELECT at, counts FROM minutes WHERE at >= ? ORDER BY at"


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened in the minute that began at `at` (seconds since the epoch), by the names of `receiver.history`."""

    at: int
    counts: Mapping[str, int]


class Minutes:
    """The kept minutes of an inbox. Every coroutine raises Unavailable where the inbox cannot work now."""

    def __init__(self, inbox: Tables) -> None:
        self._inbox = inbox

    async def add(self, minute: Minute) -> None:
        """Add counts to a minute, and let go of what is too old."""
        await self._inbox.write(_add, minute)

    async def since(self, at: float) -> list[Minute]:
        """The minutes that began at or after a time, in their order."""
        rows: Sequence[Any] = await self._inbox.rows(_SINCE, (int(at),))
        return await asyncio.to_thread(_minutes, rows)


def _minutes(rows: Sequence[Any]) -> list[Minute]:
    return [Minute(at, _decode(counts)) for at, counts in rows]


def _add(transaction: Transaction, calls: list[Minute]) -> list[None]:
    for minute in calls:
        known = transaction.row(_ONE, (minute.at,))
        counts = dict(_decode(known[0])) if known else {}
        for name, count in minute.counts.items():
            counts[name] = counts.get(name, 0) + count
        transaction.execute(_ADD, (minute.at, orjson.dumps(counts)))
        transaction.execute(_DROP, (minute.at - KEPT, _DROP_AT_ONCE))
    return [None] * len(calls)


def _decode(counts: bytes) -> Mapping[str, int]:
    decoded: Mapping[str, int] = orjson.loads(counts)
    return decoded
