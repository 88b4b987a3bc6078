"""What was counted by the minute: read from the metrics, kept in the inbox, there again after a restart."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import Unavailable
from receiver.history import History, named, totals_of
from receiver.inbox import SqliteInbox
from receiver.inbox.minutes import KEPT, Minute, Minutes
from receiver.metrics import Metrics


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    opened = await SqliteInbox.open(tmp_path / "inbox.db")
    yield opened
    await opened.close()


async def test_minutes_hold_what_the_counters_grew_by(inbox: SqliteInbox) -> None:
    metrics, clock = Metrics(), Clock(600.0)
    history = History(metrics.registry, Minutes(inbox), clock)
    metrics.received.inc(3)
    metrics.refused.labels("signature").inc()
    metrics.rule_hits.labels("new orders").inc(2)
    await history.look()
    clock.now = 659.0
    metrics.received.inc()
    await history.look()
    (open_minute,) = await history.since(0)
    assert open_minute == Minute(600, {"received": 4, "refused signature": 1, "rule new orders": 2})
    clock.now = 660.0
    await history.look()
    metrics.received.inc(7)
    assert await history.since(0) == [open_minute, Minute(660, {"received": 7})]
    assert await history.since(660) == [Minute(660, {"received": 7})]
    assert named(open_minute.counts, "refused") == {"signature": 1}


async def test_a_restart_keeps_the_minutes_and_adds_to_the_one_that_was_open(inbox: SqliteInbox) -> None:
    clock = Clock(600.0)
    for _ in range(2):
        metrics = Metrics()
        history = History(metrics.registry, Minutes(inbox), clock)
        metrics.received.inc(5)
        await history.look()
        clock.now += 60
        await history.look()
        clock.now -= 60
    assert await history.since(0) == [Minute(600, {"received": 10})]


async def test_minutes_without_counts_are_not_kept_and_old_ones_go(inbox: SqliteInbox) -> None:
    minutes = Minutes(inbox)
    await minutes.add(Minute(0, {"received": 1}))
    await minutes.add(Minute(KEPT, {"received": 2}))
    assert [minute.at for minute in await minutes.since(0)] == [0, KEPT]
    await minutes.add(Minute(KEPT + 60, {"received": 2}))
    assert [minute.at for minute in await minutes.since(0)] == [KEPT, KEPT + 60]
    history = History(Metrics().registry, minutes, Clock(KEPT + 600.0))
    await history.look()
    assert len(await history.since(0)) == 2


async def test_what_cannot_be_kept_now_is_kept_later(inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, clock, minutes = Metrics(), Clock(600.0), Minutes(inbox)
    history = History(metrics.registry, minutes, clock)
    metrics.received.inc(5)

    async def full(_minute: Any) -> None:
        raise Unavailable("inbox_full", "no space")

    with monkeypatch.context() as patch:
        patch.setattr(minutes, "add", full)
        clock.now = 660.0
        await history.look()
    clock.now = 720.0
    await history.look()
    assert [sum(minute.counts.values()) for minute in await minutes.since(0)] == [5]


def test_histograms_are_counted_by_bucket_and_over_all_labels() -> None:
    metrics = Metrics()
    for handler, seconds in [("a", 0.001), ("a", 50.0), ("b", 0.001), ("b", 1e9)]:
        metrics.delivered_seconds.labels(handler).observe(seconds)
    metrics.acknowledged.observe(0.003)
    totals = {name: count for name, count in totals_of(metrics.registry.collect()).items() if count}
    assert totals == {
        "delivery 0..0.005": 2,
        "delivery 10..60": 1,
        "delivery 86400..inf": 1,
        "push 0.002..0.005": 1,
    }
