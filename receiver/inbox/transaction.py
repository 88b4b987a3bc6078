"""One transaction of the writer: its connection, and the counts that it changes."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from receiver.inbox.schema import NOTIFICATIONS
from receiver.inbox.statements import ADD_TALLY

T = TypeVar("T")


class Mirror:
    """A part that holds in memory what is in a table."""

    def forget(self) -> None:
        """Read the table anew: a transaction failed, and what it left on the disk is not known."""
        raise NotImplementedError


class Parts:
    """What operations keep in memory from one transaction to the next, one object of a type."""

    def __init__(self) -> None:
        self._all: dict[type[Any], Any] = {}

    def of(self, kind: type[T]) -> T:
        """The object of a type, made when it is first asked for."""
        part: T = self._all.get(kind) or self._all.setdefault(kind, kind())
        return part

    def failed(self) -> None:
        """Let no part that mirrors a table believe in a transaction that failed."""
        for part in self._all.values():
            if isinstance(part, Mirror):
                part.forget()


class Transaction:
    """What the operations of a batch work on. The counts per handler and state are written once, at its end."""

    __slots__ = ("_after", "_tally", "connection", "parts")

    def __init__(self, connection: sqlite3.Connection, parts: Parts) -> None:
        self.connection = connection
        self.parts = parts
        self._tally: Counter[tuple[str, int]] = Counter()
        self._after: list[Callable[[], object]] = []

    def after_commit(self, work: Callable[[], object]) -> None:
        """Do something in memory once all is on disk, and not where it fails."""
        self._after.append(work)

    def commit(self) -> None:
        """Put all on disk."""
        self.connection.execute("COMMIT")
        for work in self._after:
            work()

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

    def has_gained(self, handler: str, state: int) -> bool:
        """Whether a handler has more deliveries in a state than before."""
        return self._tally[handler, state] > 0

    def count_notifications(self, change: int) -> None:
        """Note that more or fewer notifications are kept."""
        self._tally["", NOTIFICATIONS] += change

    def write_counts(self) -> None:
        """Write the counts; the last thing before the commit."""
        changes = [(handler, state, change) for (handler, state), change in self._tally.items() if change]
        if changes:
            ADD_TALLY.run(self.connection, changes)
