"""The indexer as a background task: it follows what arrives, steps back while pushes wait, and outlives a full disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver import indexing
from receiver.errors import Unavailable
from receiver.inbox import Entry, SqliteInbox
from receiver.inbox.search import Searcher
from receiver.indexing import Indexer
from receiver.notification import Envelope, read


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    opened = await SqliteInbox.open(tmp_path / "inbox.db")
    yield opened
    await opened.close()


def entries(count: int) -> list[Entry]:
    (notification,) = read(Envelope("order 903-8868176-2219830", "m", "arn:aws:sns:us-east-1:1:t", 1.0))
    return [Entry(notification._replace(dedup_key=f"m:{number}"), (), b"{}", 1.0) for number in range(count)]


@pytest.mark.parametrize(("busy", "expected"), [(True, [0.5, 0.5, 1.0]), (False, [0.0, 0.0, 1.0])])
async def test_full_batches_follow_at_once_unless_pushes_wait(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch, busy: bool, expected: list[float]
) -> None:
    await inbox.accept(entries(10))
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == len(expected):
            raise asyncio.CancelledError

    monkeypatch.setattr(indexing.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await Indexer(inbox, lambda: busy, batch=5).run()
    assert pauses == expected


async def test_a_full_disk_delays_and_loses_nothing(inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    await inbox.accept(entries(5))
    indexer = Indexer(inbox, lambda: False)

    async def full(*_: Any) -> None:
        raise Unavailable("inbox_full", "no space")

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "write", full)
        with pytest.raises(Unavailable):
            await indexer.step()
    assert await indexer.step() == 5
    assert await Searcher(inbox).indexed() == (5, 5)
