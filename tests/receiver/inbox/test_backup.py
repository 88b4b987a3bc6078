"""Copies of a running inbox and the way back; giving space back; reading everything out."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from receiver.errors import InboxError, RouterError
from receiver.inbox import DeliveryFilter, Entry, NotificationFilter, Result, Route, SqliteInbox, State
from receiver.inbox import backup as backup_module
from receiver.inbox.backup import Contents, back_up, sound
from receiver.inbox.export import exported
from receiver.inbox.lock import OwnerLock
from receiver.inbox.restore import restore
from receiver.inbox.vacuum import free_bytes, vacuum
from receiver.retention import Retention

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]
ToResult = Callable[..., Result]
LARGE = b"x" * 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture
async def filled(path: Path, entry: Make, route: ToRoute) -> Path:
    """An inbox whose daemon has ended: 60 notifications with a delivery each."""
    inbox = await SqliteInbox.open(path)
    await inbox.accept([entry(f"n{number}", route(), at=1000.0 + number, body=LARGE) for number in range(60)])
    await inbox.close()
    return path


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns `inbox.db` and accepts as fast as it can."""
    program = Path(__file__).with_name("writing.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path / "inbox.db")], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def acknowledged(process: subprocess.Popen[str], count: int) -> set[str]:
    """The names that the writer has said are accepted, at least so many."""
    names: set[str] = set()
    for line in process.stdout or ():
        if line.startswith("accepted "):
            names.add(line.split()[1])
        if len(names) >= count:
            break
    return names


def names_in(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("SELECT notification_id FROM notifications")}


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def size_of(path: Path) -> int:
    return path.stat().st_size


def leftovers(directory: Path, *known: str) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.name not in known)


def test_a_copy_beside_a_busy_writer_is_one_moment(
    tmp_path: Path, path: Path, writer: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = acknowledged(writer, 300)
    monkeypatch.setattr(backup_module, "_STEP_PAGES", 4)
    steps: list[tuple[int, int]] = []
    during: set[str] = set()

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        if len(steps) < 20:
            during.update(acknowledged(writer, 30))

    contents = back_up(path, tmp_path / "copy.db", progress=progress)
    assert len(steps) > 20
    assert [done for done, _ in steps] == sorted(done for done, _ in steps), "no step began the copy anew"
    kept = names_in(tmp_path / "copy.db")
    assert before <= kept
    assert len(kept) == contents.notifications
    assert contents.deliveries == 2 * contents.notifications
    assert during - kept, "the writer went on while the copy was made"
    assert len(names_in(path)) > contents.notifications
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert leftovers(tmp_path, "copy.db") == ["inbox.db", "inbox.db-shm", "inbox.db-wal", "inbox.db.lock"]


def test_a_copy_is_one_file_that_can_be_read_where_nothing_can_be_written(filled: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    contents = back_up(filled, target)
    assert contents == Contents(target.stat().st_size, 60, 60)
    with closing(sqlite3.connect(f"{target.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_an_inbox_of_another_version_is_backed_up_too(filled: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert back_up(filled, tmp_path / "copy.db").notifications == 60


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("inbox.db", "is the inbox itself"),
        ("there.db", "there already: .* --force"),
        ("folder", "is a directory"),
        ("no/folder/x.db", "cannot be used"),
        ("cut.db", "cut.db-wal belongs to"),
    ],
)
def test_where_a_copy_is_refused_nothing_changes(filled: Path, tmp_path: Path, name: str, cure: str) -> None:
    (tmp_path / "there.db").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.db-wal").write_text("a log")
    with pytest.raises(InboxError, match=cure):
        back_up(filled, tmp_path / name)
    assert (tmp_path / "there.db").read_text() == "mine"
    assert sound(filled).notifications == 60


def test_force_writes_over_a_file_and_never_over_an_inbox_in_use(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "there.db").write_text("an older one")
    assert back_up(filled, tmp_path / "there.db", force=True).notifications == 60
    other = tmp_path / "other.db"
    shutil.copy(filled, other)
    lock = OwnerLock(other)
    lock.acquire()
    with pytest.raises(InboxError, match="inbox of a running spapi-router"):
        back_up(filled, other, force=True)
    lock.release()
    with pytest.raises(InboxError, match="is the inbox itself"):
        back_up(filled, filled, force=True)


def test_force_never_replaces_what_is_no_file(filled: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(InboxError, match="is a device, a pipe or a socket: name a file"):
            back_up(filled, tmp_path / name, force=True)
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "latest").symlink_to("there.db")
    back_up(filled, tmp_path / "latest", force=True)
    assert (tmp_path / "latest").is_symlink()
    assert sound(tmp_path / "there.db").notifications == 60


def test_no_inbox_and_a_damaged_one_give_no_copy(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="there is no inbox at"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    content = bytearray(filled.read_bytes())
    content[8192 * 20 : 8192 * 40] = b"\xff" * 8192 * 20
    filled.write_bytes(content)
    with pytest.raises(InboxError, match=rf"the inbox {filled} is damaged.*inbox restore BACKUP"):
        back_up(filled, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    assert leftovers(tmp_path, "inbox.db", "inbox.db.lock", "inbox.db-wal", "inbox.db-shm") == []


def test_a_disk_without_room_is_found_before_the_work(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_module, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(InboxError, match=r"MiB left, and the copy .* needs"):
        back_up(filled, tmp_path / "copy.db")
    with pytest.raises(InboxError, match=r"MiB left, and the vacuum of .* needs"):
        vacuum(filled)
    assert leftovers(tmp_path, "inbox.db", "inbox.db.lock", "inbox.db-wal", "inbox.db-shm") == []


def test_a_disk_that_fills_up_leaves_nothing_behind(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("mounting a file system needs root")
    monkeypatch.setattr(backup_module, "_SPARE_BYTES", -(1 << 30))
    try:
        with pytest.raises(InboxError, match=r"could not be copied to .*Nothing is left"):
            back_up(filled, disk / "copy.db")
        assert leftovers(disk) == []
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_restored_inbox_is_the_backup_and_the_one_before_is_kept(
    filled: Path, tmp_path: Path, entry: Make
) -> None:
    back_up(filled, tmp_path / "copy.db")
    inbox = await SqliteInbox.open(filled)
    await inbox.accept([entry("later")])
    with pytest.raises(InboxError, match="in use by another spapi-router"):
        restore(tmp_path / "copy.db", filled, "before")
    await inbox.close()
    contents, aside = restore(tmp_path / "copy.db", filled, "before")
    assert contents.notifications == 60
    assert aside == [tmp_path / "inbox.db.before"]
    assert names_in(aside[0]) - names_in(filled) == {"later"}
    inbox = await SqliteInbox.open(filled)
    assert (await inbox.accept([entry("n7")]))[0].duplicate
    assert await inbox.count(DeliveryFilter()) == {State.WAITING: 60}
    await inbox.close()
    assert mode_of(filled) == 0o640


def test_a_damaged_inbox_gives_way_with_its_log(filled: Path, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "copy.db")
    filled.write_bytes(b"\xff" * 100_000)
    Path(f"{filled}-wal").write_bytes(b"\xee" * 5000)
    _, aside = restore(tmp_path / "copy.db", filled, "before")
    assert {"inbox.db.before", "inbox.db-wal.before"} <= {path.name for path in aside}
    assert (tmp_path / "inbox.db-wal.before").read_bytes() == b"\xee" * 5000
    assert sound(filled).notifications == 60


@pytest.mark.parametrize(
    ("make", "cure"),
    [
        (lambda path: path.write_bytes(b"no database" * 1000), "damaged: .*not to be used"),
        (lambda path: sqlite3.connect(path).close(), "there is no backup|is no inbox"),
        (lambda path: path.mkdir(), "there is no backup"),
        (lambda path: Path(f"{path}-wal").write_text("") or path.write_text(""), "is no finished backup"),
    ],
)
def test_what_is_no_sound_backup_is_not_restored(
    filled: Path, tmp_path: Path, make: Callable[[Path], object], cure: str
) -> None:
    make(tmp_path / "copy.db")
    with pytest.raises(InboxError, match=cure):
        restore(tmp_path / "copy.db", filled, "before")
    assert sound(filled).notifications == 60


def test_an_inbox_is_not_restored_from_itself_nor_into_nowhere(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="is the inbox itself"):
        restore(filled, filled, "before")
    with pytest.raises(InboxError, match="there is no directory"):
        restore(filled, tmp_path / "none" / "inbox.db", "before")


async def _end_all(path: Path, result: ToResult, most: int = 50) -> None:
    """Bring most deliveries to their end and let retention delete their notifications."""
    inbox = await SqliteInbox.open(path)
    claims = await inbox.claim("erp", most, 2000.0, 60.0)
    await inbox.finish([result(claim) for claim in claims])
    assert await inbox.prune(5000.0, 1000) == most
    await inbox.close()


def unused(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return free_bytes(connection)


async def test_a_vacuum_gives_back_what_was_deleted(filled: Path, result: ToResult) -> None:
    await _end_all(filled, result)
    before = sound(filled)
    done = vacuum(filled)
    assert (done.before, done.after) == (before.bytes, size_of(filled))
    assert done.before - done.after > 50 * len(LARGE)
    assert (sound(filled).notifications, unused(filled)) == (10, 0)
    assert vacuum(filled).after == done.after


async def test_beside_the_daemon_only_an_inbox_that_is_laid_out_for_it_is_vacuumed(
    filled: Path, entry: Make, route: ToRoute, result: ToResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.inbox.vacuum._STEP_PAGES", 16)
    inbox = await SqliteInbox.open(filled)
    with pytest.raises(InboxError, match=r"systemctl stop spapi-router.*--in-steps"):
        await asyncio.to_thread(vacuum, filled)
    await inbox.close()
    vacuum(filled, in_steps=True)
    await _end_all(filled, result)
    inbox = await SqliteInbox.open(filled)
    steps: list[tuple[int, int]] = []
    taken = threading.Event()

    def step(*figures: int) -> None:
        """The first step is followed by another only once a push was taken."""
        steps.append((figures[0], figures[1]))
        assert taken.wait(30)

    work = asyncio.create_task(asyncio.to_thread(vacuum, filled, progress=step))
    while not (steps or work.done()):
        await asyncio.sleep(0.001)
    accepted = 0
    # A bounded number: they take room too, and more the longer the vacuum takes.
    while not work.done() and accepted < 100:
        await inbox.accept([entry(f"during-{accepted}", route())])
        accepted += 1
        taken.set()
    done = await work
    await inbox.close()
    assert accepted, "pushes are taken meanwhile"
    assert len(steps) > 1
    assert all(given <= total for given, total in steps)
    assert done.before - done.after > 40 * len(LARGE)
    assert sound(filled).notifications == 10 + accepted


async def test_a_reader_is_not_waited_for(filled: Path, result: ToResult) -> None:
    """A checkpoint that insists would take the write lock until a long listing or backup is over."""
    vacuum(filled, in_steps=True)
    await _end_all(filled, result)
    inbox = await SqliteInbox.open(filled)
    with closing(sqlite3.connect(filled, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notifications").fetchone()
        done = await asyncio.wait_for(asyncio.to_thread(vacuum, filled), 8.0)
    await inbox.close()
    assert done.after < done.before


def test_there_is_nothing_to_vacuum(tmp_path: Path) -> None:
    with pytest.raises(RouterError, match="there is no inbox at"):
        vacuum(tmp_path / "none.db")
    (tmp_path / "bad.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InboxError, match=r"is damaged.*inbox restore BACKUP"):
        vacuum(tmp_path / "bad.db")


async def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "grafana.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE dashboard (id)")
    (tmp_path / "empty.db").touch()
    before = other.read_bytes()
    with pytest.raises(InboxError, match="is no inbox of spapi-router: name another file"):
        await (await SqliteInbox.open(other)).close()
    for path in (other, tmp_path / "empty.db"):
        with pytest.raises(InboxError, match="is no inbox of spapi-router: name another file"):
            vacuum(path, in_steps=True)
    assert other.read_bytes() == before
    assert (tmp_path / "empty.db").stat().st_size == 0


async def test_everything_is_read_out_in_the_order_of_its_arrival(
    filled: Path, entry: Make, route: ToRoute, result: ToResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.inbox.export._PAGE", 7)
    inbox = await SqliteInbox.open(filled)
    (claim,) = await inbox.claim("erp", 1, 2000.0, 60.0)
    await inbox.finish([result(claim, State.DEAD, detail="HTTP 410")])
    await inbox.accept([entry("offer", type_="ANY_OFFER_CHANGED", at=5000.0)])
    whole = [each async for each in exported(inbox, NotificationFilter(limit=None))]
    assert [each.notification.id for each in whole] == list(range(1, 62))
    ((delivery, (attempt,)),) = whole[0].deliveries
    assert (delivery.state, attempt.detail) == (State.DEAD, "HTTP 410")
    assert whole[0].notification.body == LARGE
    assert whole[60].deliveries == ()

    async def ids(after: int = 0, **fields: object) -> list[int]:
        which = NotificationFilter(**fields)  # type: ignore[arg-type]
        return [each.notification.id async for each in exported(inbox, which, after)]

    assert await ids(limit=None, type="ORDER_CHANGE", since=1050.0) == list(range(51, 61))
    assert await ids(limit=None, unrouted=True) == [61]
    assert await ids(limit=10, after=42) == list(range(43, 53))
    assert await ids(limit=7) == list(range(1, 8))
    await inbox.close()


async def test_what_retention_deletes_meanwhile_is_left_out(filled: Path, result: ToResult) -> None:
    await _end_all(filled, result, most=2)
    inbox = await SqliteInbox.open(filled)
    reading = exported(inbox, NotificationFilter(limit=None))
    first = await anext(reading)
    claims = await inbox.claim("erp", 5, 2000.0, 60.0)
    await inbox.finish([result(claim) for claim in claims])
    await inbox.prune(5000.0, 100)
    rest = [each.notification.id async for each in reading]
    await inbox.close()
    assert (first.notification.id, rest) == (3, list(range(8, 61)))


async def test_retention_lets_pushes_through(path: Path, entry: Make, route: ToRoute, result: ToResult) -> None:
    """It deletes in steps, and what arrives in between does not wait for the last one."""
    inbox = await SqliteInbox.open(path)
    for start in range(0, 3000, 500):
        await inbox.accept([entry(f"old-{number}") for number in range(start, start + 500)])
    pruning = asyncio.create_task(Retention(inbox, 100.0, lambda: 10_000.0).prune())
    taken = 0
    while not pruning.done():
        await inbox.accept([entry(f"new-{taken}", at=9_999.0)])
        taken += 1
    assert await pruning == 3000
    assert taken >= 10
    assert (await inbox.stats()).notifications == taken
    await inbox.close()


async def test_what_is_old_and_still_open_is_passed_over_a_little_at_a_time(
    path: Path, entry: Make, route: ToRoute, result: ToResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much waits for a handler that was removed: no transaction looks at all of it."""
    monkeypatch.setattr("receiver.inbox.pruning._LOOKED_AT", 10)
    inbox = await SqliteInbox.open(path)
    await inbox.accept([entry(f"open-{number}", route("gone"), at=100.0) for number in range(45)])
    await inbox.accept([entry(f"old-{number}", at=200.0) for number in range(7)])
    await inbox.accept([entry("new", at=9_000.0)])
    assert await inbox.prune(5_000.0, 5) == 5
    for claim in await inbox.claim("gone", 3, 2_000.0, 60.0):
        await inbox.finish([result(claim)])
    assert await inbox.prune(5_000.0, 100) == 5, "behind the place where it ended, and before it"
    assert await inbox.prune(5_000.0, 100) == 0
    assert (await inbox.stats()).notifications == 43
    await inbox.close()


@pytest.mark.parametrize("work", [lambda path: back_up(path, path.with_name("copy.db")), vacuum])
def test_an_inbox_that_this_user_cannot_even_look_for_is_said(tmp_path: Path, work: Callable[[Path], object]) -> None:
    """As one in a directory of the daemon's own; a name that no file can have fails alike, for root too."""
    with pytest.raises(RouterError, match="cannot be reached: File name too long"):
        work(tmp_path / ("x" * 300))
