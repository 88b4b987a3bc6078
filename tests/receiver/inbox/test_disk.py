"""Disks that are full, slow, read-only or failing: said to the caller as a reason to come again, and got over."""

import asyncio
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from receiver.errors import Unavailable
from receiver.inbox import DeliveryFilter, Entry, Result, Route, SqliteInbox, State
from receiver.inbox import sqlite as store
from receiver.inbox.connection import connect, translated

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]

LARGE = b"x" * 50_000


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connections that the store opens for writing, the newest last."""
    opened: list[sqlite3.Connection] = []

    def opening(path: Path, mode: str, busy_timeout: float) -> sqlite3.Connection:
        opened.append(connect(path, mode, busy_timeout))
        return opened[-1]

    monkeypatch.setattr(store, "connect", opening)
    return opened


@pytest.fixture
async def inbox(tmp_path: Path, connections: list[sqlite3.Connection]) -> AsyncIterator[SqliteInbox]:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db", busy_timeout=0.05)
    yield inbox
    await inbox.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False).returncode
    ):
        pytest.skip("mounting a file system needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def _fill(inbox: SqliteInbox, entry: Make, route: ToRoute) -> int:
    """Accept until the disk is full; how many were acknowledged."""
    kept: list[Entry] = []
    with pytest.raises(Unavailable) as caught:
        await _accept_all(inbox, (entry(f"n{number}", route(), body=LARGE) for number in range(1000)), kept)
    assert caught.value.reason == "inbox_full"
    assert "free some" in caught.value.detail
    return len(kept)


async def _accept_all(inbox: SqliteInbox, entries: Iterable[Entry], kept: list[Entry]) -> None:
    for each in entries:
        await inbox.accept([each])
        kept.append(each)


async def test_full_disk_is_got_over_once_there_is_room(small_disk: Path, entry: Make, route: ToRoute) -> None:
    ballast = small_disk / "ballast"
    _occupy(ballast, 400_000)
    inbox = await SqliteInbox.open(small_disk / "inbox.db")
    kept = await _fill(inbox, entry, route)
    assert kept > 0
    with pytest.raises(Unavailable):
        await inbox.accept([entry("again", body=LARGE * 10)])
    assert (await inbox.stats()).notifications == kept
    _occupy(ballast, 0)
    (answer,) = await inbox.accept([entry(f"n{kept}", route(), body=LARGE)])
    assert not answer.duplicate
    assert await inbox.count(DeliveryFilter()) == {State.WAITING: kept + 1}
    await inbox.close()


async def test_full_database_is_got_over_once_it_may_grow(
    inbox: SqliteInbox, connections: list[sqlite3.Connection], entry: Make, route: ToRoute
) -> None:
    await inbox.save_note("first", b"write")
    connections[-1].execute("PRAGMA max_page_count = 60")
    kept = await _fill(inbox, entry, route)
    assert kept > 0
    assert await inbox.count(DeliveryFilter()) == {State.WAITING: kept}
    connections[-1].execute("PRAGMA max_page_count = 1000000")
    assert not (await inbox.accept([entry(f"n{kept}", route(), body=LARGE)]))[0].duplicate


async def test_read_only_is_said_and_got_over(
    inbox: SqliteInbox, connections: list[sqlite3.Connection], entry: Make
) -> None:
    await inbox.save_note("first", b"write")
    connections[-1].execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable) as caught:
        await inbox.accept([entry("n1")])
    assert caught.value.reason == "inbox_readonly"
    connections[-1].execute("PRAGMA query_only = OFF")
    assert not (await inbox.accept([entry("n1")]))[0].duplicate


async def test_failing_disk_is_got_over_with_a_new_connection(
    inbox: SqliteInbox, connections: list[sqlite3.Connection], entry: Make
) -> None:
    """Writes past a limit of the process's file size fail as those of a bad disk do."""
    await inbox.accept([entry("n1", body=LARGE)])
    before = len(connections)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(Unavailable) as caught:
            await inbox.accept([entry("n2", body=LARGE)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.reason == "inbox_io"
    assert not (await inbox.accept([entry("n2", body=LARGE)]))[0].duplicate
    assert (await inbox.accept([entry("n1", body=LARGE)]))[0].duplicate
    assert len(connections) == before + 1


async def test_what_was_claimed_with_a_push_that_the_disk_did_not_take_is_nobodys(
    inbox: SqliteInbox, entry: Make, route: ToRoute, result: Callable[..., Result]
) -> None:
    """The next push gets its deliveries' ids, and what is known of those must not be taken for the new ones."""
    await inbox.save_note("first", b"write")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        keeping = asyncio.ensure_future(inbox.accept([entry("n1", route())]))
        await asyncio.sleep(0)
        for asked in (inbox.claim_fresh({"erp": 1}, 2000.0, 30.0), keeping):
            with pytest.raises(Unavailable):
                await asked
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for name in ("n2", "n3"):
        await inbox.accept([entry(name, route("crm", key="k"))])
    for number in (1, 2):
        (claim,) = await inbox.claim("crm", 5, 3000.0, 30.0)
        assert claim.id == number
        await inbox.finish([result(claim)])
    assert (await inbox.stats()).deliveries == {("crm", State.DONE): 2}


async def test_another_process_that_holds_the_lock(inbox: SqliteInbox, entry: Make, route: ToRoute) -> None:
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read(); c.execute('COMMIT')\n"
    )
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(inbox.path), stdin=pipe, stdout=pipe
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    outcomes = await asyncio.gather(
        *(inbox.accept([entry(f"n{number}", route())]) for number in range(20)), return_exceptions=True
    )
    assert {getattr(outcome, "reason", outcome) for outcome in outcomes} == {"inbox_busy"}  # type: ignore[arg-type]
    assert (await inbox.stats()).notifications == 0
    await process.communicate(b"")
    assert not (await inbox.accept([entry("n1", route())]))[0].duplicate


async def test_files_taken_away_are_not_made_anew_silently(
    inbox: SqliteInbox, connections: list[sqlite3.Connection], entry: Make
) -> None:
    """Once its connection is lost the store never begins an empty database in the place of one that is gone."""
    await inbox.accept([entry("n1", body=LARGE)])
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(Unavailable):
            await inbox.accept([entry("n2", body=LARGE)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    aside = inbox.path.with_name("aside")
    _move(inbox.path, aside)
    with pytest.raises(Unavailable) as caught:
        await inbox.accept([entry("n3")])
    assert caught.value.reason == "inbox_io"
    _move(aside, inbox.path)
    assert (await inbox.accept([entry("n1", body=LARGE)]))[0].duplicate


def test_what_cannot_pass_is_not_called_unavailable(tmp_path: Path) -> None:
    error = ValueError("a mistake")
    assert translated(error, tmp_path) is error
    mistake = sqlite3.OperationalError("no such table")
    assert translated(mistake, tmp_path) is mistake


def _occupy(path: Path, size: int) -> None:
    path.write_bytes(b"x" * size)


def _move(path: Path, to: Path) -> None:
    path.rename(to)


async def test_a_damaged_page_that_one_lane_meets_keeps_no_push_from_being_kept(
    inbox: SqliteInbox, entry: Make, route: ToRoute
) -> None:
    await inbox.accept([entry(f"old {number}", route("crm"), at=500.0) for number in range(3000)])
    await inbox.close()
    _spoil(inbox.path, "deliveries_due")
    inbox = await SqliteInbox.open(inbox.path)
    try:
        claiming = [asyncio.ensure_future(inbox.claim("crm", 10, 2000.0, 30.0)) for _ in range(2)]
        keeping = [asyncio.ensure_future(inbox.accept([entry(f"new {number}")])) for number in range(20)]
        for claims in claiming:
            with pytest.raises(Unavailable) as caught:
                await claims
            assert caught.value.reason == "inbox_corrupt"
        assert [each[0].duplicate for each in await asyncio.gather(*keeping)] == [False] * 20
        again = await inbox.accept([entry(f"new {number}") for number in range(20)])
        assert all(each.duplicate for each in again)
    finally:
        await inbox.close()


def _spoil(path: Path, index: str) -> None:
    """Overwrite the first leaf of an index."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path LIMIT 1"
        (page,) = connection.execute(query, (index,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
