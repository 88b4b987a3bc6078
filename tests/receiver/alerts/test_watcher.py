"""The watcher with a real inbox: what is told, and what a restart knows of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from receiver.alerts import AlertWatcher, Conditions
from receiver.alerts.watcher import NOTE
from receiver.config import AlertSettings
from receiver.errors import Unavailable
from receiver.inbox import NotificationFilter, SqliteInbox
from receiver.internal import InternalEvents
from receiver.metrics import Metrics, Readings
from receiver.notification import read_stored
from receiver.rules import Pattern, Rule

NOW = 1_800_000_000.0
Make = Callable[..., Readings]
ALL = Rule(name="alerts", handlers=("mail",), pattern=Pattern.parse({"type": [{"prefix": "router.alert."}]}))


class Prepared:
    """Sources that give what a test puts there."""

    def __init__(self, readings: Readings) -> None:
        self.readings = readings

    async def take(self) -> Readings:
        return self.readings


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    opened = await SqliteInbox.open(tmp_path / "inbox.db")
    yield opened
    await opened.close()


@pytest.fixture
async def start(inbox: SqliteInbox) -> AsyncIterator[Callable[..., AlertWatcher]]:
    """Makes a watcher, as a daemon does at its start."""
    tasks = []

    def make(sources: Any, **settings: Any) -> AlertWatcher:
        internal = InternalEvents(inbox, lambda: sources.readings.at)
        tasks.append(asyncio.create_task(internal.run(lambda: [ALL], lambda _handlers: None)))
        conditions = Conditions(AlertSettings(**settings), NOW)
        return AlertWatcher(conditions, sources, Metrics(), internal, inbox)

    yield make
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def told(inbox: SqliteInbox) -> list[dict[str, Any]]:
    """The payloads of the alerts that are kept, in their order."""
    rows = await inbox.notifications(NotificationFilter(limit=None))
    return [read_stored(row.body, row.part).document["payload"] for row in reversed(rows)]


async def test_an_alert_is_raised_stands_and_is_cleared(
    start: Any, inbox: SqliteInbox, readings: Make, caplog: pytest.LogCaptureFixture
) -> None:
    sources = Prepared(readings(breaker="open"))
    watcher = start(sources)
    with caplog.at_level(logging.INFO, logger="receiver.alerts.watcher"):
        await watcher.look()
        await watcher.look()
        assert watcher.standing()["breaker_open"] == 1
        sources.readings = readings(breaker="half-open", at=NOW + 43200.0)
        await watcher.look()
        sources.readings = readings(at=NOW + 43300.0)
        await watcher.look()
        sources.readings = readings(at=NOW + 43600.0)
        await watcher.look()
    assert watcher.standing()["breaker_open"] == 0
    raised, standing, cleared = await told(inbox)
    assert (raised["state"], raised["subject"], raised["value"]) == ("raised", "erp", 1.0)
    assert raised["text"] == "the breaker of handlers.erp is open: 503 Service Unavailable"
    assert (standing["state"], standing["since"]) == ("standing", raised["since"])
    assert cleared["state"] == "cleared"
    levels = [(record.message, record.levelname) for record in caplog.records]
    assert levels == [("alert_raised", "WARNING"), ("alert_standing", "WARNING"), ("alert_cleared", "INFO")]


async def test_a_restart_neither_repeats_nor_forgets(start: Any, inbox: SqliteInbox, readings: Make) -> None:
    sources = Prepared(readings(breaker="open"))
    await start(sources).look()
    again = start(sources)
    await again.look()
    assert again.standing()["breaker_open"] == 1
    assert len(await told(inbox)) == 1
    sources.readings = readings(at=NOW + 15.0)
    await again.look()
    later = start(sources)
    await later.look()
    sources.readings = readings(at=NOW + 315.0)
    await later.look()
    assert [each["state"] for each in await told(inbox)] == ["raised", "cleared"]


async def test_what_is_gone_or_switched_off_is_cleared(start: Any, inbox: SqliteInbox, readings: Make) -> None:
    sources = Prepared(readings(subscriptions={"arn:1": "pending"}))
    watcher = start(sources, calm=0.0)
    await watcher.look()
    sources.readings = readings(figures=None)
    await watcher.look()
    assert watcher.standing()["subscription_pending"] == 1
    watcher.conditions = Conditions(AlertSettings(subscription_pending=False, calm=0.0), NOW)
    sources.readings = readings(subscriptions={"arn:1": "pending"})
    await watcher.look()
    states = [(each["state"], each["value"]) for each in await told(inbox)]
    assert states == [("raised", 1.0), ("cleared", None)]


async def test_a_thousand_at_once_are_told_in_twenty(start: Any, inbox: SqliteInbox, readings: Make, plan: Any) -> None:
    plans = [plan(f"A{number}@eu", "orders.v0.getOrder", 1.0) for number in range(1000)]
    watcher = start(Prepared(readings(plans=plans)))
    await watcher.look()
    assert watcher.standing()["usage_plan"] == 1000
    alerts = await told(inbox)
    assert len(alerts) == 20
    assert [each.get("more") for each in alerts] == [None] * 19 + [980]


async def test_what_was_cleared_long_ago_takes_no_room(start: Any, inbox: SqliteInbox, readings: Make) -> None:
    sources = Prepared(readings(breaker="open"))
    watcher = start(sources, calm=0.0)
    await watcher.look()
    sources.readings = readings(at=NOW + 15.0)
    await watcher.look()
    assert (await inbox.notes(NOTE))[NOTE] == b"[]"


@pytest.mark.parametrize("note", [b"{", b"[1]", b'[["a", "b", {}]]'])
async def test_a_damaged_note_is_begun_anew(
    start: Any, inbox: SqliteInbox, readings: Make, note: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await inbox.save_note(NOTE, note)
    await start(Prepared(readings(breaker="open"))).look()
    assert [each["state"] for each in await told(inbox)] == ["raised"]
    assert "alerts_note_ignored" in caplog.messages


async def test_where_alerts_stand_is_kept_once_the_disk_is_back(
    start: Any, inbox: SqliteInbox, readings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_name: str, _value: bytes) -> None:
        raise Unavailable("inbox_full", "no space is left")

    watcher = start(Prepared(readings(breaker="open")))
    with monkeypatch.context() as patched:
        patched.setattr(inbox, "save_note", full)
        with pytest.raises(Unavailable):
            await watcher.look()
    assert await inbox.notes(NOTE) == {}
    await watcher.look()
    assert b"breaker_open" in (await inbox.notes(NOTE))[NOTE]
    assert len(await told(inbox)) == 1
