"""The memory of repeats: whatever stage a key is at, in memory, being moved or moved, its repeat is known."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.inbox import Entry, SqliteInbox, seen
from receiver.inbox.migrations import STEPS, migrate
from receiver.inbox.transaction import Transaction

Make = Callable[..., Entry]

STEP = st.one_of(
    st.tuples(st.just("new"), st.integers(1, 40)),
    st.tuples(st.just("again"), st.integers(0, 10_000)),
    st.just(("restart", 0)),
    st.just(("failure", 0)),
)


def fail(_transaction: Transaction, _payloads: list[None]) -> list[None]:
    raise ValueError("a job that fails")


async def restarted(inbox: SqliteInbox) -> SqliteInbox:
    await inbox.close()
    return await SqliteInbox.open(inbox.path)


async def run(steps: list[tuple[str, int]], make: Make, folder: Path) -> None:
    inbox = await SqliteInbox.open(folder / "inbox.db")
    ids: list[int] = []
    for step, number in steps:
        if step == "new":
            names = [f"n{len(ids) + place}" for place in range(number)]
            (answers,) = await asyncio.gather(inbox.accept([make(name) for name in names]))
            assert not any(answer.duplicate for answer in answers)
            ids += [answer.id for answer in answers]
        elif step == "again" and ids:
            place = number % len(ids)
            (answer,) = await inbox.accept([make(f"n{place}")])
            assert (answer.duplicate, answer.id) == (True, ids[place])
        elif step == "restart":
            inbox = await restarted(inbox)
        elif step == "failure":
            refused = make("never kept", type_=None)
            outcomes = await asyncio.gather(
                inbox.accept([make(f"n{len(ids)}")]),
                inbox.accept([refused]),
                inbox.write(fail, None),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes] == [list, sqlite3.IntegrityError, ValueError]
            ids.append(outcomes[0][0].id)  # type: ignore[index]
    for place, id_ in enumerate(ids):
        (answer,) = await inbox.accept([make(f"n{place}")])
        assert (answer.duplicate, answer.id) == (True, id_)
    await inbox.close()


@given(st.lists(STEP, min_size=20, max_size=120))
@settings(max_examples=25, deadline=None)
def test_a_repeat_is_known_at_every_stage(steps: list[tuple[str, int]]) -> None:
    from tests.receiver.inbox.conftest import _entry

    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(seen, "MOST_RECENT", 100)
        asyncio.run(run(steps, _entry, Path(folder)))


async def test_keys_are_moved_and_memory_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: Make
) -> None:
    monkeypatch.setattr(seen, "MOST_RECENT", 200)
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    most = 0
    for start in range(0, 4000, 20):
        await inbox.accept([entry(f"n{number}") for number in range(start, start + 20)])
        most = max(most, (await inbox.rows("SELECT count(*) FROM recent"))[0][0])
    assert (await inbox.rows("SELECT count(DISTINCT notification_id) FROM seen"))[0][0] > 3000
    assert most < 600
    await inbox.close()


async def test_a_key_is_forgotten_no_earlier_than_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: Make
) -> None:
    monkeypatch.setattr(seen, "MOST_RECENT", 10)
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    day = 86_400.0
    for number in range(100):
        await inbox.accept([entry(f"n{number}", at=day * number)])
    assert (await inbox.rows("SELECT count(*) FROM seen"))[0][0] > 10
    await inbox.forget(day * 50, 1000)
    (young,) = await inbox.accept([entry("n50", at=day * 100)])
    assert young.duplicate
    (old,) = await inbox.accept([entry("n48", at=day * 100)])
    assert not old.duplicate
    await inbox.close()


async def test_keys_of_the_version_before_are_known(tmp_path: Path, entry: Make) -> None:
    path = tmp_path / "inbox.db"
    inbox = await SqliteInbox.open(path)
    await inbox.accept([entry("old")])
    await inbox.close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO seen SELECT key, notification_id, at FROM recent")
        connection.execute("DROP TABLE recent")
        connection.execute("ALTER TABLE deliveries DROP COLUMN begun")
        connection.execute(f"PRAGMA user_version = {STEPS.index(seen.SEEN_BY_AGE)}")
        connection.commit()
        connection.isolation_level = None
        migrate(connection, path, STEPS[: STEPS.index(seen.SEEN_BY_AGE) + 1])
    connection.close()
    inbox = await SqliteInbox.open(path)
    assert (await inbox.accept([entry("old")]))[0].duplicate
    await inbox.close()
