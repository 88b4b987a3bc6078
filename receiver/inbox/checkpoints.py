"""Carrying the write-ahead log into the database beside the commits, one of which would wait for all of it otherwise.

Source: SQLite, "Write-Ahead Logging", section on checkpointing: a PASSIVE checkpoint runs while others write, and the
log starts anew with the first transaction that finds all of it carried over.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress

_ROWS = 8_000
"""Changed rows that are worth a checkpoint: some 2,000 pushes."""
_BACKSTOP_PAGES = 8_000
"""Where rows are large: the log's length at which a commit does the work itself after all."""
_PASSES = 2
_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """Checkpoints of a connection that writes all the time. `connect` opens one of its own for a thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._beside = ThreadPoolExecutor(1, "inbox-checkpoint")
        self._running: Future[None] | None = None
        self._rows = 0

    @staticmethod
    def leave_to_others(connection: sqlite3.Connection) -> sqlite3.Connection:
        """The connection, which does no checkpoints but in need any more."""
        connection.execute(f"PRAGMA wal_autocheckpoint = {_BACKSTOP_PAGES}")
        return connection

    def committed(self, connection: sqlite3.Connection) -> None:
        """Between two transactions: begin a checkpoint where one is due, or end one that is almost done."""
        if self._running is None:
            rows = connection.total_changes
            if not 0 <= rows - self._rows < _ROWS:
                self._rows = rows
                # The system may have no thread to give: then the backstop does it, and pushes are taken all the same.
                with suppress(RuntimeError):
                    self._running = self._beside.submit(self._carry)
        elif self._running.done():
            self._running = None
            # Only what came since the last pass is left, and with no other writer now it can be all of it.
            with suppress(sqlite3.Error):
                connection.execute(_CHECKPOINT).fetchone()

    def close(self) -> None:
        """Wait for what is under way."""
        self._beside.shutdown()

    def _carry(self) -> None:
        # A disk that fails shows at the next commit, which says so to whoever waits for it.
        with suppress(sqlite3.Error), closing(self._connect()) as connection:
            for _ in range(_PASSES):
                connection.execute(_CHECKPOINT).fetchone()
