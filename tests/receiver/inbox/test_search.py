"""Searching an inbox: by what is indexed, by what is not yet, by text, in bounded work."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from receiver.inbox import DeliveryFilter, Entry, NotificationFilter, Route, SqliteInbox, entities, phrases, search
from receiver.inbox.search import Found, Search, Searcher
from receiver.indexing import Indexer
from receiver.notification import Envelope, read

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api"
ORDER = "903-8868176-2219830"


def order(number: int, order_id: str, at: float = 1000.0, seller: str = "A3SELLER", **more: Any) -> Entry:
    summary = {"OrderItems": [{"SellerSKU": f"SKU-{number}"}]} | more
    payload = {"OrderChangeNotification": {"SellerId": seller, "AmazonOrderId": order_id, "Summary": summary}}
    message = json.dumps(
        {
            "NotificationType": "ORDER_CHANGE",
            "Payload": payload,
            "NotificationMetadata": {"NotificationId": f"note-{number}"},
        }
    )
    envelope = Envelope(message, f"message-{number}", TOPIC, at)
    stamp = "2026-01-01T00:00:00Z"
    body = {"MessageId": f"message-{number}", "TopicArn": TOPIC, "Message": message, "Timestamp": stamp}
    (notification,) = read(envelope)
    return Entry(notification, (Route("orders", "erp"),), json.dumps(body).encode(), at)


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    opened = await SqliteInbox.open(tmp_path / "inbox.db")
    yield opened
    await opened.close()


@pytest.fixture
async def searcher(inbox: SqliteInbox) -> AsyncIterator[Searcher]:
    reading = await SqliteInbox.read(inbox.path)
    yield Searcher(reading)
    await reading.close()


async def index(inbox: SqliteInbox) -> None:
    indexer = Indexer(inbox, lambda: False, batch=7)
    while await indexer.step():
        pass


def ids(found: Found) -> list[int]:
    return [row.id for row in found.rows]


Prepare = Callable[[SqliteInbox], Any]


async def nothing(_inbox: SqliteInbox) -> None:
    return


@pytest.mark.parametrize("prepare", [index, nothing], ids=["indexed", "not indexed yet"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ORDER, [4]),
        (f"  {ORDER} ", [4]),
        ("sku-3", [4]),
        ("903-", [20, 4]),
        ("note-7", [8]),
        ("7", [7]),
        ("A3OTHER", [20]),
        ("no-such-thing", []),
        ("Jürgen O'Hara", [20]),
        ('say "hi"', [20]),
        ("100%_\\", [20]),
        ("100%x\\", []),
        ("jürgen o'hara", [20]),
        ("a3th", []),
    ],
)
async def test_what_is_found_is_the_same_before_and_after_indexing(
    inbox: SqliteInbox, searcher: Searcher, prepare: Prepare, text: str, expected: list[int]
) -> None:
    await inbox.accept([order(number, ORDER if number == 3 else f"1-{number}") for number in range(19)])
    await inbox.accept([order(20, "903-1", seller="A3OTHER", buyer='Jürgen O\'Hara say "hi" 100%_\\')])
    await prepare(inbox)
    assert ids(await searcher.find(Search(text))) == expected


async def test_the_index_answers_without_looking_through_messages(inbox: SqliteInbox, searcher: Searcher) -> None:
    await inbox.accept([order(number, f"1-{number}") for number in range(50)])
    await index(inbox)
    found = await searcher.find(Search("1-33"))
    assert (ids(found), found.looked, found.whole) == ([34], 0, False)
    await inbox.accept([order(60, "1-33")])
    found = await searcher.find(Search("1-33"))
    assert (ids(found), found.looked, found.whole) == ([51, 34], 1, False)


async def test_pages_follow_each_other_without_gap_or_repeat(inbox: SqliteInbox, searcher: Searcher) -> None:
    await inbox.accept([order(number, f"77-{number % 2}") for number in range(100)])
    await index(inbox)
    await inbox.accept([order(number, f"77-{number % 2}") for number in range(100, 120)])
    for wanted in (Search("77-0"), Search("77-0", whole=True), Search(), Search("A3SELLER"), Search("77-")):
        everything = ids(await searcher.find(wanted))
        pages: list[int] = []
        before = None
        while True:
            which = NotificationFilter(limit=9, before_id=before)
            found = await searcher.find(Search(wanted.text, which, wanted.whole))
            pages += ids(found)
            if found.next_id is None:
                break
            before = found.next_id
        assert pages[: len(everything)] == everything
        assert pages == sorted(set(pages), reverse=True)
        assert len(pages) == (120 if wanted.text != "77-0" else 60)


async def test_a_beginning_of_many_identifiers_hides_none_of_them(inbox: SqliteInbox, searcher: Searcher) -> None:
    await inbox.accept([order(number, f"302-{number:07}-1234567") for number in range(60)])
    await index(inbox)
    first = await searcher.find(Search("302-", NotificationFilter(limit=50)))
    assert ids(first) == list(range(60, 10, -1))
    second = await searcher.find(Search("302-", NotificationFilter(limit=50, before_id=first.next_id)))
    assert (ids(second), second.next_id) == (list(range(10, 0, -1)), None)
    assert ids(await searcher.find(Search("302-000001")))[0] == 20
    await inbox.accept([order(number, ORDER) for number in range(60, 400)])
    await index(inbox)
    assert ids(await searcher.find(Search("302", NotificationFilter(limit=50))))[0] == 302


async def test_filters_narrow_what_a_text_finds(inbox: SqliteInbox, searcher: Searcher) -> None:
    await inbox.accept([order(1, ORDER, at=10.0), order(2, ORDER, at=20.0, seller="A3OTHER"), order(3, ORDER, at=30.0)])
    await index(inbox)

    async def found(**fields: Any) -> list[int]:
        return ids(await searcher.find(Search(ORDER, NotificationFilter(**fields))))

    assert await found() == [3, 2, 1]
    assert await found(seller_id="A3OTHER") == [2]
    assert await found(type="ORDER_CHANGE") == [3, 2, 1]
    assert await found(type="OTHER") == []
    assert await found(since=20.0) == [3, 2]
    assert await found(until=20.0) == [1]
    assert await found(since=40.0) == []
    assert await found(until=5.0) == []
    assert ids(await searcher.find(Search("", NotificationFilter(seller_id="A3OTHER")))) == [2]


async def test_a_search_that_takes_long_says_how_far_it_came_and_goes_on(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phrases, "_STRIDE", 10)
    await inbox.accept([order(number, f"1-{number}", at=float(number), buyer="needle") for number in range(35)])
    ticks = count()
    searcher = Searcher(inbox, patience=0.5, timer=lambda: float(next(ticks)))
    found = await searcher.find(Search("needle in it", NotificationFilter(), whole=True))
    assert (ids(found), found.looked, found.next_id, found.back_to) == ([], 10, 26, 25.0)
    found = await searcher.find(Search("needle", NotificationFilter(before_id=26), whole=True))
    assert (ids(found), found.next_id) == (list(range(25, 15, -1)), 16)
    found = await searcher.find(Search("needle", NotificationFilter(before_id=6), whole=True))
    assert (ids(found), found.back_to) == ([5, 4, 3, 2, 1], 0.0)


async def test_an_empty_inbox_has_nothing(searcher: Searcher) -> None:
    for text in ("", ORDER, "any text at all"):
        assert ids(await searcher.find(Search(text))) == []
    assert await searcher.indexed() == (0, 0)


async def test_what_is_pruned_leaves_the_index_and_does_not_come_back(
    inbox: SqliteInbox, searcher: Searcher, tmp_path: Path
) -> None:
    await inbox.accept([order(number, ORDER, at=float(number)) for number in range(10)])
    await index(inbox)
    claims = await inbox.claim("erp", 100, 2000.0, 60.0)
    await inbox.cancel(DeliveryFilter(limit=None), 2000.0, "out of the way")
    assert len(claims) == 10
    values = [(ORDER, 1), (ORDER, 2)]
    assert await inbox.prune(5.0, 100) == 5
    await inbox.write(entities.add_entities, entities.Indexed(0, 10, values))
    assert ids(await searcher.find(Search(ORDER))) == [10, 9, 8, 7, 6]
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        ((lowest,),) = connection.execute("SELECT min(notification_id) FROM entities").fetchall()
    assert lowest == 6


async def test_the_index_goes_on_where_it_was_left(inbox: SqliteInbox, searcher: Searcher) -> None:
    await inbox.accept([order(number, f"1-{number}") for number in range(10)])
    assert await Indexer(inbox, lambda: False, batch=4).step() == 4
    assert await searcher.indexed() == (4, 10)
    again = Indexer(inbox, lambda: False, batch=4)
    assert [await again.step() for _ in range(3)] == [4, 2, 0]
    assert await searcher.indexed() == (10, 10)


async def test_no_search_scans_what_an_index_can_find(tmp_path: Path, inbox: SqliteInbox) -> None:
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as connection:
        for text, values in [
            (search._NAMED, ("x", 5, 5)),
            (search._VALUES, ("x", "y", 5)),
            (search._FROM, (1.0,)),
            (search._UNTIL, (1.0,)),
            (search._RECEIVED, (1,)),
            (entities.UNINDEXED, (1, 5)),
        ]:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
            assert not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step], (text, plan)


async def test_what_is_kept_encrypted_is_found_too(inbox: SqliteInbox) -> None:
    def seal(entry: Entry) -> Entry:
        return entry._replace(body=b"\0" + entry.body[::-1])

    def reveal(body: bytes) -> bytes:
        return body[:0:-1] if body[:1] == b"\0" else body

    sealed = [seal(order(number, ORDER if number == 3 else f"77-{number}", buyer="Jürgen")) for number in range(9)]
    await inbox.accept([*sealed, order(9, "77-9", buyer="Jürgen")])
    searcher = Searcher(inbox, reveal)
    for _ in range(2):
        assert ids(await searcher.find(Search(ORDER))) == [4]
        assert ids(await searcher.find(Search("jürgen is not", whole=True))) == []
        assert len(ids(await searcher.find(Search("JÜRGEN"[:1] + "ürgen", whole=True)))) == 10
        assert ids(await Searcher(inbox).find(Search("ürgen", whole=True))) == [10]
        indexer = Indexer(inbox, lambda: False, reveal)
        assert await indexer.step() in {10, 0}
