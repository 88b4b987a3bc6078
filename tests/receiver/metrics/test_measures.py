"""Figures of a real inbox, and that taking them stays cheap."""

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.errors import Unavailable
from receiver.inbox import Entry, Route, SqliteInbox, State, Subscription, measures
from receiver.inbox.measures import Measures
from receiver.inbox.store import Result
from receiver.notification import INTERNAL_TOPIC, Envelope, Notification

NOW = 1_800_000_000.0


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    opened = await SqliteInbox.open(tmp_path / "inbox.db")
    yield opened
    await opened.close()


def entry(number: int, at: float, key: str | None = None, topic: str = "arn:aws:sns:us-east-1:1:t") -> Entry:
    envelope = Envelope("{}", f"m{number}", topic, at)
    notification = Notification(f"n:{number}", 0, "X", "1", f"{number}", "", "", at, envelope, {})
    return Entry(notification, (Route("all", "erp", key),), b"{}", at)


async def test_figures_are_those_of_the_inbox(inbox: SqliteInbox) -> None:
    for each in [entry(1, NOW), entry(2, NOW + 1.0, "a"), entry(3, NOW + 2.0, "a"), entry(4, NOW + 3.0)]:
        await inbox.accept([each])
    await inbox.accept([entry(5, NOW + 9.0, topic=INTERNAL_TOPIC)])
    (claim,) = await inbox.claim("erp", 1, NOW + 10.0, 60.0)
    await inbox.save_subscription(Subscription("arn:1", "", "pending", NOW))
    taken = Measures(inbox.path)
    figures = await taken.take()
    counts = {state: count for (_, state), count in figures.deliveries.items() if count}
    assert counts == {State.WAITING: 3, State.BLOCKED: 1, State.RUNNING: 1}
    assert figures.oldest == {
        ("erp", State.RUNNING): claim.created_at,
        ("erp", State.WAITING): NOW + 1.0,
        ("erp", State.BLOCKED): NOW + 2.0,
    }
    assert (figures.notifications, figures.last_received) == (5, NOW + 3.0)
    assert figures.subscriptions == {"arn:1": "pending"}
    assert min(figures.database_bytes, figures.wal_bytes, figures.disk_free_bytes) > 0


async def test_what_has_ended_is_not_old(inbox: SqliteInbox) -> None:
    await inbox.accept([entry(1, NOW)])
    (claim,) = await inbox.claim("erp", 1, NOW, 60.0)
    await inbox.finish([Result(claim.id, claim.run, State.DONE, NOW, NOW + 1.0)])
    taken = Measures(inbox.path)
    figures = await taken.take()
    assert figures.oldest == {}
    assert figures.deliveries["erp", State.DONE] == 1


async def test_figures_stand_for_a_while_the_longer_the_dearer_they_were(inbox: SqliteInbox) -> None:
    now, cost = [0.0], [0.0]

    def ticks() -> float:
        now[0] += cost[0]
        return now[0]

    taken = Measures(inbox.path, ticks)
    first = await taken.take()
    now[0] += 1.9
    assert await taken.take() is first
    now[0] += 0.2
    cost[0] = 1.0
    second = await taken.take()
    assert second is not first
    cost[0] = 0.0
    now[0] += 18.0
    assert await taken.take() is second
    now[0] += 2.1
    assert await taken.take() is not second


async def test_an_inbox_that_is_gone_is_unavailable_and_comes_back(inbox: SqliteInbox, tmp_path: Path) -> None:
    taken = Measures(tmp_path / "nowhere" / "inbox.db")
    with pytest.raises(Unavailable, match="cannot be measured"):
        await taken.take()
    (tmp_path / "nowhere").mkdir()
    other = await SqliteInbox.open(tmp_path / "nowhere" / "inbox.db")
    assert (await taken.take()).notifications == 0
    await other.close()


def test_no_figure_scans_what_has_ended(inbox: SqliteInbox) -> None:
    """The statements read the tally, single rows, or an index that holds only what is open."""
    connection = sqlite3.connect(inbox.path)
    statements = [*measures._OLDEST.values(), measures._CREATED, measures._LAST, measures._TALLY]
    for statement in statements:
        values = ("",) * statement.count("?")
        for _, _, _, detail in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values):
            partial = re.search(
                r"USING (COVERING )?INDEX (deliveries_(due|line|leased)|notifications_received)", detail
            )
            assert partial or "tally" in detail or "SEARCH" in detail or "GROUP BY" in detail, (statement, detail)
    connection.close()
