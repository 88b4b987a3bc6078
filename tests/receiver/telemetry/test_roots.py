"""When the span of a whole notification is sent: once, and also where its deliveries end without an attempt."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.errors import Unavailable
from receiver.inbox import DeliveryFilter, Entry, Route, SqliteInbox, State
from receiver.inbox.store import Result
from receiver.notification import Envelope, Notification
from receiver.telemetry.ids import Ids
from receiver.telemetry.roots import Roots
from receiver.telemetry.span import Span

NOW = 1_800_000_000.0
IDS = Ids(b"a" * 16, 1.0)


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    opened = await SqliteInbox.open(tmp_path / "inbox.db")
    yield opened
    await opened.close()


async def accepted(inbox: SqliteInbox, *handlers: str) -> int:
    envelope = Envelope("{}", "m1", "t", NOW)
    notification = Notification("n:1", 0, "X", "1", "nid", "", "", NOW, envelope, {})
    (kept,) = await inbox.accept([Entry(notification, tuple(Route("all", name) for name in handlers), b"{}", NOW)])
    return kept.id


async def finish(inbox: SqliteInbox, handler: str, at: float, state: State = State.DONE) -> None:
    (claim,) = await inbox.claim(handler, 1, NOW + 1000, 60.0)
    await inbox.finish([Result(claim.id, claim.run, state, NOW, at, detail="gone")])


async def test_the_last_delivery_ends_the_notification(inbox: SqliteInbox) -> None:
    spans: list[Span] = []
    roots = Roots(IDS, inbox, spans.append)
    number = await accepted(inbox, "erp", "archive")
    await finish(inbox, "erp", NOW + 5.0)
    roots.ended(number)
    await roots.flush()
    assert spans == []
    await finish(inbox, "archive", NOW + 3.0, State.DEAD)
    for _ in range(2):
        roots.ended(number)
        await roots.flush()
    (span,) = spans
    assert (span.id, span.parent) == (IDS.notification(number), None)
    assert (span.begins, span.ends, span.error) == (NOW, NOW + 5.0, "1 of 2 deliveries are dead")
    assert span.attributes["spapi_router.notification_id"] == "nid"


async def test_what_is_cancelled_is_found_by_the_sweep(inbox: SqliteInbox) -> None:
    spans: list[Span] = []
    roots = Roots(IDS, inbox, spans.append, sweep_every=0.02)
    number = await accepted(inbox, "erp")
    roots.opened(number)
    task = asyncio.create_task(roots.run())
    await inbox.cancel(DeliveryFilter(), NOW + 7.0, "by hand")
    async with asyncio.timeout(20):
        while not spans:
            await asyncio.sleep(0.01)
    task.cancel()
    assert [span.ends for span in spans] == [NOW + 7.0]


async def test_an_inbox_that_cannot_be_read_and_a_notification_that_is_gone_are_no_error(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(_number: int) -> None:
        raise Unavailable("inbox_io", "the disk fails")

    spans: list[Span] = []
    roots = Roots(IDS, inbox, spans.append)
    roots.ended(99)
    await roots.flush()
    with monkeypatch.context() as patched:
        patched.setattr(inbox, "notification", unreadable)
        roots.ended(1)
        await roots.flush()
    assert spans == []


async def test_what_waits_for_ever_takes_bounded_room(inbox: SqliteInbox) -> None:
    spans: list[Span] = []
    roots = Roots(IDS, inbox, spans.append)
    for number in range(1, 7001):
        roots.opened(number)
    assert len(roots._waiting) == 5000
    assert next(iter(roots._waiting)) == 2001
