"""The memory of what was taken in: a key for each notification, kept apart from it and for longer.

All of it lies behind these functions, so that it can be split into parts of which only the newest grows.
"""

from receiver.inbox.statements import ADD_SEEN, FORGET_NEWEST, FORGET_ONCE, FORGET_SEEN, SEEN
from receiver.inbox.transaction import Transaction

KEPT_AS = "SELECT notification_id FROM seen WHERE key = ?"
"""The notification of a key, for those who only read."""


def seen_before(transaction: Transaction, keys: list[bytes]) -> dict[bytes, int]:
    """Of the keys those known, with the ids of their notifications."""
    return dict(SEEN.fetch(transaction.connection, [(key,) for key in keys]))


def add_seen(transaction: Transaction, rows: list[tuple[bytes, int, float]]) -> None:
    """Remember keys with the ids of their notifications and when they came."""
    ADD_SEEN.run(transaction.connection, rows)


def forget(transaction: Transaction, calls: list[tuple[float, int]]) -> list[int]:
    """Drop up to a number of keys of before a time, also those of `newest_only` and `once`; how many."""
    return [_forget(transaction, before, limit) for before, limit in calls]


def _forget(transaction: Transaction, before: float, limit: int) -> int:
    dropped = 0
    for statement in (FORGET_SEEN, FORGET_NEWEST, FORGET_ONCE):
        dropped += transaction.execute(statement, (before, limit - dropped)).rowcount
    return dropped
