"""Durable writes of the inbox on their own, against one commit a message through aiosqlite.

Microseconds a message (or a delivery) with 1, 16 and 64 calls waiting; bodies of 2.7 kB; medians of alternating runs.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite

from receiver.cli.output import table
from receiver.inbox import Entry, Result, Route, SqliteInbox, State
from receiver.notification import Envelope, Notification

_RUNS = 3
_WAITING = (1, 16, 64)
_COUNTS = {1: 500, 16: 4_000, 64: 8_000}
_TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-orders"
_LEASE = 60.0

ROUTES: dict[str, Callable[[int], tuple[Route, ...]]] = {
    "accept, no delivery": lambda _number: (),
    "accept, one delivery": lambda _number: (Route("orders", "erp"),),
    "accept, a key each": lambda number: (Route("orders", "erp", key=str(number)),),
    "accept, 100 keys, coalesced": lambda number: (Route("orders", "erp", key=str(number % 100), coalesce=10.0),),
}


def main() -> None:
    """Measure and print the table."""
    rows = asyncio.run(_measure())
    print("Inbox: microseconds a message or delivery, each on disk before the answer")
    table(["what", *(f"{waiting} waiting" for waiting in _WAITING)], rows)


async def _measure() -> list[list[str]]:
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(_RUNS):
        for waiting in _WAITING:
            for name, routes in ROUTES.items():
                taken = await _accepting(routes, waiting)
                found.setdefault((name, waiting), []).append(taken)
            found.setdefault(("claim and finish", waiting), []).append(await _delivering(waiting))
            found.setdefault(("aiosqlite, a commit each", waiting), []).append(await _peer(waiting))
    names = dict.fromkeys(name for name, _ in found)
    return [[name, *(f"{statistics.median(found[name, waiting]):.1f}" for waiting in _WAITING)] for name in names]


async def _timed(work: Callable[[int], Awaitable[object]], waiting: int) -> float:
    """Microseconds a call with a number of calls waiting at any time."""
    count = _COUNTS[waiting]
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(waiting)))
    return (time.perf_counter() - started) / count * 1e6


async def _accepting(routes: Callable[[int], tuple[Route, ...]], waiting: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        inbox = await SqliteInbox.open(Path(directory) / "inbox.db")
        entries = [_entry(number, routes(number)) for number in range(_COUNTS[waiting])]
        taken = await _timed(lambda number: inbox.accept([entries[number]]), waiting)
        await inbox.close()
    return taken


async def _delivering(waiting: int) -> float:
    """Claims of as many as wait, each finished on its own as its handler ends."""
    with tempfile.TemporaryDirectory() as directory:
        inbox = await SqliteInbox.open(Path(directory) / "inbox.db")
        count = _COUNTS[waiting]
        for start in range(0, count, 500):
            entries = [_entry(number, (Route("orders", "erp"),)) for number in range(start, min(start + 500, count))]
            await inbox.accept(entries)
        started = time.perf_counter()
        while claims := await inbox.claim("erp", waiting, 2e9, _LEASE):
            results = (Result(claim.id, claim.run, State.DONE, 2e9, 2e9, status=200) for claim in claims)
            await asyncio.gather(*(inbox.finish([result]) for result in results))
        taken = (time.perf_counter() - started) / count * 1e6
        await inbox.close()
    return taken


async def _peer(waiting: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        async with aiosqlite.connect(Path(directory) / "peer.db") as connection:
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute("PRAGMA synchronous = FULL")
            await connection.execute("CREATE TABLE messages (key BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID")

            async def keep(_number: int) -> None:
                await connection.execute("INSERT INTO messages VALUES (?, ?)", (os.urandom(16), os.urandom(2700)))
                await connection.commit()

            return await _timed(keep, waiting)


def _entry(number: int, routes: tuple[Route, ...]) -> Entry:
    name = os.urandom(16).hex()
    now = 1.7e9 + number / 1000
    envelope = Envelope(message="", message_id=name, topic=_TOPIC, sent_at=now)
    identity = (f"n:{name}", 0, "ORDER_CHANGE", "1.0", name, "A3TESTSELLER", "ATVPDKIKX0DER", now)
    return Entry(Notification(*identity, envelope, {}), routes, os.urandom(1350).hex().encode(), now)


if __name__ == "__main__":
    main()
