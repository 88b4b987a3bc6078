"""Making sure that what was deleted is gone from the inbox's files too.

SQLite overwrites deleted content with zeros in the database (PRAGMA secure_delete), and its write-ahead log keeps what
it held until it is written over: so the log is emptied. Source: SQLite's pages on PRAGMA secure_delete and
wal_checkpoint.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from receiver.inbox.connection import translated, uri

_WAIT = 2.0


def empty_log(path: Path) -> bool:
    """Move all of the write-ahead log into the database and cut it to nothing; False where a reader was in the way.

    Raises Unavailable where the disk fails.
    """
    try:
        with closing(sqlite3.connect(uri(path, "rw"), uri=True, timeout=_WAIT, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON").fetchone()
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy
    except sqlite3.Error as error:
        raise translated(error, path) from None
