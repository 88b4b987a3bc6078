"""What retention deleted is gone from the files, also where somebody read the inbox meanwhile."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from receiver.inbox import Entry, SqliteInbox
from receiver.notification import Envelope, read
from receiver.privacy.wiping import empty_log
from receiver.retention import Retention

SECRET = "Ada Lovelace, 12 St James's Square"


async def test_a_log_that_somebody_held_is_emptied_in_the_next_round(tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    inbox = await SqliteInbox.open(path)
    (notification,) = read(Envelope(SECRET, "m1", "arn:aws:sns:us-east-1:123456789012:t", 1000.0))
    await inbox.accept([Entry(notification, (), SECRET.encode(), 1000.0)])
    retention = Retention(inbox, 100.0, lambda: 2000.0, partial(asyncio.to_thread, empty_log, path))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notifications").fetchone()
        assert await retention.prune() == 1
    assert await retention.prune() == 0
    log = path.with_name("inbox.db-wal").read_bytes()
    assert SECRET.encode() not in log + path.read_bytes()
    await inbox.close()
