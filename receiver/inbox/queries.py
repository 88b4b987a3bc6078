"""What listings, the command line and metrics ask of the database, on a connection of their own that only reads."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from receiver.inbox.connection import opening_error, translated, uri
from receiver.inbox.filters import Conditions, of_deliveries, of_notifications
from receiver.inbox.identity import webhook_id
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
from receiver.inbox.migrations import TABLES_THERE, check_tables, check_version
from receiver.inbox.schema import NOTIFICATIONS, PROBE, STATES, TABLES

_NOTIFICATIONS = (
    "SELECT notifications.id, dedup_key, type, version, notifications.notification_id, message_id, topic, seller_id, "
    "marketplace_id, event_time, received_at, repeats, bodies.part, bodies.body FROM notifications "
    "JOIN bodies ON bodies.notification_id = notifications.id"
)
_STATES_OF = "SELECT state, count(*) FROM deliveries WHERE notification_id = ? GROUP BY state"
_DELIVERIES = (
    "SELECT deliveries.id, deliveries.notification_id, parent_id, webhook, rule, handler, key, state, attempts, "
    "created_at, deliveries.event_time, due_at, leased_until, finished_at, body, reason, superseded_by, "
    "notifications.type FROM deliveries JOIN notifications ON notifications.id = deliveries.notification_id"
)
_COUNT = (
    "SELECT state, count(*) FROM deliveries JOIN notifications ON notifications.id = deliveries.notification_id{} "
    "GROUP BY state"
)
_ATTEMPTS = (
    "SELECT delivery_id, number, started_at, ended_at, outcome, status, detail, response, request_id FROM attempts "
    "WHERE delivery_id = ? ORDER BY run"
)
_TALLY = "SELECT handler, state, count FROM tally WHERE count != 0"
_UNROUTED = "SELECT type, count(*) FROM notifications INDEXED BY notifications_unrouted WHERE routed = 0 GROUP BY type"
_OLDEST = "SELECT handler, min(created_at) FROM deliveries WHERE state = {} GROUP BY handler"
_SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_NEXT_DUE = "SELECT min(due_at) FROM deliveries INDEXED BY deliveries_due WHERE handler = ? AND state = 0"
_SUBSCRIPTIONS = "SELECT topic, arn, state, changed_at, detail FROM subscriptions ORDER BY topic"
_NOTES = "SELECT name, value FROM notes WHERE substr(name, 1, length(?1)) = ?1"
_OPEN_STATES = (0, 1, 2)


class Queries:
    """The reading half of the inbox. Every coroutine raises Unavailable where the database cannot be read now."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    async def open(cls, path: Path, busy_timeout: float) -> "Queries":
        """Open a database that exists. Raises InboxError."""
        await asyncio.to_thread(_check_opens, path, busy_timeout)
        connection = aiosqlite.connect(uri(path, "ro"), uri=True, timeout=busy_timeout, isolation_level=None)
        try:
            await connection
        except sqlite3.Error as error:
            raise opening_error(error, path) from None
        try:
            check_tables([tuple(row) for row in await connection.execute_fetchall(TABLES_THERE)], path)
            ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
            check_version(version, path)
            for table in TABLES:
                await connection.execute_fetchall(PROBE.format(table))
        except BaseException as error:
            await connection.close()
            if isinstance(error, sqlite3.Error):
                raise opening_error(error, path) from None
            raise
        return cls(connection, path)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def next_due(self, handler: str) -> float | None:
        """When the handler's next waiting delivery falls due."""
        due: float | None = (await self._rows(_NEXT_DUE, (handler,)))[0][0]
        return due

    async def count(self, which: DeliveryFilter) -> dict[State, int]:
        """How many deliveries a filter means, by state."""
        conditions = of_deliveries(which)
        if not conditions.texts:
            counts = dict.fromkeys(STATES, 0)
            for handler, state, count in await self._rows(_TALLY):
                if handler or state != NOTIFICATIONS:
                    counts[STATES[state]] += count
            return {state: count for state, count in counts.items() if count}
        rows = await self._rows(_COUNT.format(conditions.where), conditions.values)
        return {STATES[state]: count for state, count in rows}

    async def notification(self, id_: int) -> NotificationRow | None:
        """One notification."""
        rows = await self._rows(f"{_NOTIFICATIONS} WHERE notifications.id = ?", (id_,))
        return await self._notification(rows[0]) if rows else None

    async def notifications(self, which: NotificationFilter) -> list[NotificationRow]:
        """Notifications, newest first."""
        text, values = _listing(_NOTIFICATIONS, of_notifications(which), "notifications.id", which.limit)
        return [await self._notification(row) for row in await self._rows(text, values)]

    async def delivery(self, id_: int) -> DeliveryRow | None:
        """One delivery."""
        rows = await self._rows(f"{_DELIVERIES} WHERE deliveries.id = ?", (id_,))
        return _delivery(rows[0]) if rows else None

    async def deliveries(self, which: DeliveryFilter) -> list[DeliveryRow]:
        """Deliveries, newest first."""
        text, values = _listing(_DELIVERIES, of_deliveries(which), "deliveries.id", which.limit)
        return [_delivery(row) for row in await self._rows(text, values)]

    async def attempts(self, delivery_id: int) -> list[AttemptRow]:
        """The attempts of a delivery, in their order."""
        return [AttemptRow(*row) for row in await self._rows(_ATTEMPTS, (delivery_id,))]

    async def stats(self) -> Stats:
        """Counts; cheap also with millions of finished deliveries."""
        tally = {(handler, state): count for handler, state, count in await self._rows(_TALLY)}
        oldest: dict[str, float] = {}
        for state in _OPEN_STATES:
            if any(code == state for _, code in tally):
                for handler, created_at in await self._rows(_OLDEST.format(state)):
                    oldest[handler] = min(created_at, oldest.get(handler, created_at))
        return Stats(
            notifications=tally.pop(("", NOTIFICATIONS), 0),
            unrouted=dict(await self._rows(_UNROUTED)),
            deliveries={(handler, STATES[state]): count for (handler, state), count in tally.items()},
            oldest_due=oldest,
            database_bytes=(await self._rows(_SIZE))[0][0],
        )

    async def subscriptions(self) -> list[Subscription]:
        """All subscriptions."""
        return [Subscription(*row) for row in await self._rows(_SUBSCRIPTIONS)]

    async def notes(self, prefix: str) -> dict[str, bytes]:
        """The notes whose names begin with a prefix."""
        return dict(await self._rows(_NOTES, (prefix,)))

    async def _notification(self, row: Sequence[Any]) -> NotificationRow:
        states = {STATES[state]: count for state, count in await self._rows(_STATES_OF, (row[0],))}
        values = [*row[:12], states, *row[12:]]
        return NotificationRow(*values)

    async def rows(self, text: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a query of a table beside deliveries finds."""
        return await self._rows(text, values)

    async def _rows(self, text: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return list(await self._connection.execute_fetchall(text, values))
        except sqlite3.Error as error:
            raise translated(error, self._path) from error


def _check_opens(path: Path, busy_timeout: float) -> None:
    """Raise InboxError for a file that SQLite cannot open: aiosqlite's thread would outlive the loop, and complain."""
    try:
        sqlite3.connect(uri(path, "ro"), uri=True, timeout=busy_timeout).close()
    except sqlite3.Error as error:
        raise opening_error(error, path) from None


def _listing(text: str, conditions: Conditions, id_: str, limit: int | None) -> tuple[str, list[Any]]:
    """A listing's text and values: newest first, no more than `limit`."""
    return f"{text}{conditions.where} ORDER BY {id_} DESC LIMIT ?", [*conditions.values, -1 if limit is None else limit]


def _delivery(row: Sequence[Any]) -> DeliveryRow:
    id_, notification_id, parent_id, webhook, rule, handler, key, state, *rest = row
    head = (id_, notification_id, parent_id, webhook_id(webhook), rule, handler, key, STATES[state])
    return DeliveryRow(*head, *rest)
