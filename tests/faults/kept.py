"""What the inbox holds, read from its tables by SQL of its own: no code of the daemon stands between."""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

STATES = ("waiting", "blocked", "running", "done", "dead", "superseded")
FINAL = frozenset({"done", "dead", "superseded"})

_NOTIFICATIONS = (
    "SELECT notifications.id, dedup_key, notifications.notification_id, message_id, bodies.body IS NOT NULL "
    "FROM notifications LEFT JOIN bodies ON bodies.notification_id = notifications.id WHERE topic != 'router'"
)
_DELIVERIES = "SELECT id, notification_id, webhook, state, handler FROM deliveries"
_ATTEMPTS = "SELECT delivery_id, outcome, count(*) FROM attempts GROUP BY delivery_id, outcome"
_TALLY = "SELECT handler, state, count FROM tally WHERE count != 0"


class KeptError(Exception):
    """The database cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One kept notification."""

    id: int
    dedup_key: str
    notification_id: str
    message_id: str
    has_body: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery and how its runs ended."""

    id: int
    notification_id: int
    webhook_id: str
    state: str
    handler: str
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """All of an inbox that the invariants speak of."""

    notifications: tuple[Notification, ...]
    deliveries: tuple[Delivery, ...]
    integrity: str
    """SQLite's own verdict, `ok` where nothing is wrong."""
    tally: Mapping[tuple[str, int], int]
    """The counts that the inbox keeps: (handler, state code) to number; notifications under ("", -1)."""
    counted: Mapping[tuple[str, int], int]
    """The same, counted from the rows."""


def read_kept(path: Path) -> Kept:
    """Everything in one snapshot. Raises KeptError."""
    if not path.exists():
        raise KeptError(f"{path}: no such file")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            return _read(connection)
    except sqlite3.Error as error:
        raise KeptError(f"{path}: {error}") from None


def _read(connection: sqlite3.Connection) -> Kept:
    outcomes: dict[int, dict[str, int]] = {}
    for delivery, outcome, count in connection.execute(_ATTEMPTS):
        outcomes.setdefault(delivery, {})[outcome] = count
    notifications = tuple(Notification(*row) for row in connection.execute(_NOTIFICATIONS))
    deliveries = tuple(
        Delivery(id_, notification, f"msg_{webhook.hex()}", STATES[state], handler, outcomes.get(id_, {}))
        for id_, notification, webhook, state, handler in connection.execute(_DELIVERIES)
    )
    return Kept(
        notifications,
        deliveries,
        "; ".join(row[0] for row in connection.execute("PRAGMA integrity_check")),
        {(handler, state): count for handler, state, count in connection.execute(_TALLY)},
        _counted(connection, deliveries),
    )


def _counted(connection: sqlite3.Connection, deliveries: tuple[Delivery, ...]) -> Mapping[tuple[str, int], int]:
    counted = Counter((each.handler, STATES.index(each.state)) for each in deliveries)
    counted["", -1] = connection.execute("SELECT count(*) FROM notifications").fetchone()[0]
    return {key: count for key, count in counted.items() if count}
