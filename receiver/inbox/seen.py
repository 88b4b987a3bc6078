"""The memory of what was taken in: a key for each notification, kept apart from it and for longer.

Keys are random, so that among millions each would be looked for, and written, on a page of its own. New ones are
therefore appended to a table, `recent`, and looked up in memory. When they have become many they are moved in the order
of keys to the table `seen`, some with each transaction, so that neighbours share pages and nobody waits for it.
"""

from itertools import islice

from receiver.inbox.statements import (
    ADD_RECENT,
    FORGET_NEWEST,
    FORGET_ONCE,
    FORGET_RECENT,
    FORGET_SEEN,
    MOVE_TO_SEEN,
    RECENT,
    SEEN,
    TRIM_RECENT,
)
from receiver.inbox.transaction import Mirror, Transaction

KEPT_AS = (
    "SELECT notification_id FROM recent WHERE key = ?1 "
    "UNION ALL SELECT notification_id FROM seen WHERE key = ?1 LIMIT 1"
)
"""The notification of a key, for those who only read."""

SEEN_BY_AGE = """
CREATE TABLE recent (
    notification_id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    at REAL NOT NULL
)
"""
"""Part of a version: see `receiver.inbox.migrations`."""

MOST_RECENT = 1 << 15
"""Keys that are looked up in memory before they are moved."""
_MOVED = 64
_TRIMMED = 512


class _Recent(Mirror):
    """The table `recent` in memory, and how far its keys are moved."""

    def __init__(self) -> None:
        self.keys: dict[bytes, int] | None = None
        """By key the notification, in the order of notifications. None where the table has not been read."""
        self.added: dict[bytes, int] = {}
        """What this transaction adds to them."""
        self.moving: list[int] = []
        """Notifications whose keys are still to be moved, the last one first."""
        self.moved = 0
        """Up to this notification all are moved once `moving` is empty."""

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]

    def loaded(self, transaction: Transaction) -> dict[bytes, int]:
        """The committed keys."""
        if self.keys is None:
            self.keys = dict(transaction.rows(RECENT))
        return self.keys

    def committed(self) -> None:
        """Count what was added as kept."""
        if self.keys is not None:
            self.keys.update(self.added)
        self.added = {}

    def have_moved(self, count: int) -> None:
        """Count the next keys of `moving` as moved."""
        del self.moving[-count:]

    def drop(self, keys: list[bytes]) -> None:
        """Look these keys up in the table `seen` from now on."""
        for key in keys:
            if self.keys is not None:
                self.keys.pop(key, None)


def seen_before(transaction: Transaction, keys: list[bytes]) -> dict[bytes, int]:
    """Of the keys those known, with the ids of their notifications."""
    recent = transaction.parts.of(_Recent)
    kept, added = recent.loaded(transaction), recent.added
    known = {key: id_ for key in keys if (id_ := kept.get(key) or added.get(key))}
    known.update(SEEN.fetch(transaction.connection, [(key,) for key in keys if key not in known]))
    return known


def add_seen(transaction: Transaction, rows: list[tuple[bytes, int, float]]) -> None:
    """Remember keys with the ids of their notifications and when they came."""
    recent = transaction.parts.of(_Recent)
    keys = recent.loaded(transaction)
    ADD_RECENT.run(transaction.connection, [(id_, key, at) for key, id_, at in rows])
    recent.added.update((key, id_) for key, id_, _ in rows)
    transaction.after_commit(recent.committed)
    _tidy(transaction, recent, keys, len(rows))


def forget(transaction: Transaction, calls: list[tuple[float, int]]) -> list[int]:
    """Drop up to a number of keys of before a time, also those of `newest_only`; how many."""
    return [_forget(transaction, before, limit) for before, limit in calls]


def forget_once(transaction: Transaction, calls: list[tuple[float, int]]) -> list[int]:
    """Drop up to a number of keys of `once` of before a time; how many."""
    return [transaction.execute(FORGET_ONCE, call).rowcount for call in calls]


def _tidy(transaction: Transaction, recent: _Recent, keys: dict[bytes, int], added: int) -> None:
    """A step on the way of keys from `recent` to `seen`, larger than the step by which they become more."""
    if recent.moving:
        size = max(_MOVED, 2 * added)
        MOVE_TO_SEEN.run(transaction.connection, [(id_,) for id_ in recent.moving[-size:]])
        transaction.after_commit(lambda: recent.have_moved(size))
    elif moved := [(key, id_) for key, id_ in islice(keys.items(), max(_TRIMMED, 8 * added)) if id_ <= recent.moved]:
        transaction.execute(TRIM_RECENT, (moved[-1][1],))
        transaction.after_commit(lambda: recent.drop([key for key, _ in moved]))
    elif len(keys) >= MOST_RECENT:
        recent.moved = max(keys.values())
        recent.moving = [keys[key] for key in sorted(keys, reverse=True)]


def _forget(transaction: Transaction, before: float, limit: int) -> int:
    dropped = transaction.execute(FORGET_RECENT, (before, limit)).rowcount
    if dropped:
        transaction.after_commit(transaction.parts.of(_Recent).forget)
    for statement in (FORGET_SEEN, FORGET_NEWEST):
        dropped += transaction.execute(statement, (before, limit - dropped)).rowcount
    return dropped
