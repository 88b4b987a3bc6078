"""Statements that take many rows at once: fewer, larger calls, because each one gives the interpreter's lock away."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

_SIZES = (64, 16, 4, 1)
"""Rows a statement: few sizes, so that all of them stay prepared."""


class ManyRows:
    """A statement around a list of rows: `head VALUES (?, ?), (?, ?) tail`."""

    def __init__(self, head: str, columns: int, tail: str = "", keyword: str = "VALUES ") -> None:
        row = f"({', '.join('?' * columns)})"
        self._texts = {size: f"{head}{keyword}{', '.join([row] * size)}{tail}" for size in _SIZES}

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Run the statement over all rows; how many rows of the database it changed."""
        return sum(cursor.rowcount for cursor in self._cursors(connection, rows))

    def fetch(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Run the query over all rows; all that it finds."""
        return [found for cursor in self._cursors(connection, rows) for found in cursor.fetchall()]

    def _cursors(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> Iterator[sqlite3.Cursor]:
        start = 0
        while start < len(rows):
            size = next(size for size in _SIZES if size <= len(rows) - start)
            parameters = list(chain.from_iterable(rows[start : start + size]))
            yield connection.execute(self._texts[size], parameters)
            start += size
