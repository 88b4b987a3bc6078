"""One transaction of the writer: its connection, and the counts that it changes."""

import sqlite3
from collections import Counter
from typing import Any, TypeVar

from receiver.inbox.schema import NOTIFICATIONS
from receiver.inbox.statements import ADD_TALLY

T = TypeVar("T")


class Parts:
    """What operations keep in memory from one transaction to the next, one object of a type."""

    def __init__(self) -> None:
        self._all: dict[type[Any], Any] = {}

    def of(self, kind: type[T]) -> T:
        """The object of a type, made when it is first asked for."""
        part: T = self._all.get(kind) or self._all.setdefault(kind, kind())
        return part


class Transaction:
    """What the operations of a batch work on. The counts per handler and state are written once, at its end."""

    __slots__ = ("_tally", "connection", "parts")

    def __init__(self, connection: sqlite3.Connection, parts: Parts) -> None:
        self.connection = connection
        self.parts = parts
        self._tally: Counter[tuple[str, int]] = Counter()

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self.connection.execute(statement, parameters)

    def row(self, statement: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row a query finds."""
        found: tuple[Any, ...] | None = self.connection.execute(statement, parameters).fetchone()
        return found

    def rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows a query finds."""
        return self.connection.execute(statement, parameters).fetchall()

    def count(self, handler: str, state: int, change: int = 1) -> None:
        """Note that a handler has more or fewer deliveries in a state."""
        self._tally[handler, state] += change

    def move(self, handler: str, before: int, after: int) -> None:
        """Note that a delivery of a handler changed its state."""
        self._tally[handler, before] -= 1
        self._tally[handler, after] += 1

    def count_notifications(self, change: int) -> None:
        """Note that more or fewer notifications are kept."""
        self._tally["", NOTIFICATIONS] += change

    def write_counts(self) -> None:
        """Write the counts; the last thing before the commit."""
        changes = [(handler, state, change) for (handler, state), change in self._tally.items() if change]
        if changes:
            ADD_TALLY.run(self.connection, changes)
