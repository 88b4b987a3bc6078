"""Taking in: once, all or nothing, with a name for each delivery that never changes."""

from collections.abc import Callable

import pytest

from receiver.inbox import DeliveryFilter, Entry, Inbox, NotificationFilter, Route, State
from receiver.inbox.identity import chain_key, repeat_key, webhook_id, webhook_key

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]


async def test_keeps_a_notification_with_its_deliveries(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    (answer,) = await inbox.accept([entry("n1", route("erp"), route("log"), body=b'{"as": "received"}')])
    assert (answer.id, answer.duplicate, answer.handlers) == (1, False, ("erp", "log"))
    row = await inbox.notification(answer.id)
    assert row is not None
    assert (row.type, row.seller_id, row.notification_id, row.message_id) == (
        "ORDER_CHANGE",
        "A3SELLER",
        "n1",
        "message-n1",
    )
    assert (row.event_time, row.received_at, row.repeats, row.part) == (100.0, 1000.0, 0, 0)
    assert row.body == b'{"as": "received"}'
    assert row.deliveries == {State.WAITING: 2}


async def test_repeat_is_counted_and_runs_nothing(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    first = await inbox.accept([entry("n1", route())])
    for _ in range(2):
        (again,) = await inbox.accept([entry("n1", route(), route("log"), at=5000.0)])
        assert (again.id, again.duplicate, again.handlers) == (first[0].id, True, ())
    row = await inbox.notification(1)
    assert row is not None
    assert (row.repeats, row.received_at, sum(row.deliveries.values())) == (2, 1000.0, 1)


async def test_repeat_within_one_call(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    answers = await inbox.accept(
        [entry("n1", route()), entry("n2", route()), entry("n1", route()), entry("n1", route())]
    )
    assert [(answer.id, answer.duplicate) for answer in answers] == [(1, False), (2, False), (1, True), (1, True)]
    rows = await inbox.notifications(NotificationFilter())
    assert [(row.id, row.repeats) for row in rows] == [(2, 0), (1, 2)]


async def test_repeat_under_another_time_is_a_repeat(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1", route(), event_time=100.0)])
    (again,) = await inbox.accept([entry("n1", route(), event_time=86_500.0, at=90_000.0)])
    assert again.duplicate


async def test_large_call_keeps_all(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    count = 64 + 16 + 4 + 3
    answers = await inbox.accept([entry(f"n{i}", *[route("erp")] * (i % 2)) for i in range(count)])
    assert [answer.id for answer in answers] == list(range(1, count + 1))
    for number in (0, count - 1):
        row = await inbox.notification(answers[number].id)
        assert row is not None
        assert row.notification_id == f"n{number}"
    assert await inbox.count(DeliveryFilter()) == {State.WAITING: count // 2}
    again = await inbox.accept([entry(f"n{i}") for i in range(count)])
    assert all(answer.duplicate for answer in again)


async def test_nothing_to_accept(inbox: Inbox) -> None:
    assert await inbox.accept([]) == []


async def test_unrouted_is_kept_counted_and_listed(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1"), entry("n2", route()), entry("n3", type_="FEED_PROCESSING_FINISHED"), entry("n4")])
    stats = await inbox.stats()
    assert stats.unrouted == {"ORDER_CHANGE": 2, "FEED_PROCESSING_FINISHED": 1}
    assert stats.notifications == 4
    rows = await inbox.notifications(NotificationFilter(unrouted=True))
    assert [row.id for row in rows] == [4, 3, 1]
    assert [row.id for row in await inbox.notifications(NotificationFilter(unrouted=False))] == [2]


async def test_dead_from_the_start(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    (answer,) = await inbox.accept([entry("n1", route("erp", key=None, dead="no field payload.x"))])
    assert answer.handlers == ()
    row = await inbox.delivery(1)
    assert row is not None
    assert (row.state, row.reason, row.finished_at) == (State.DEAD, "no field payload.x", 1000.0)
    assert await inbox.claim("erp", 10, 9e9, 1.0) == []


@pytest.mark.parametrize("text", ["ключ", "a\0b", "'; DROP TABLE deliveries; --", "k" * 5000])
async def test_any_text_is_kept_as_it_is(inbox: Inbox, entry: Make, route: ToRoute, text: str) -> None:
    await inbox.accept([entry(text, route(key=text), type_=text, seller=text, body=text.encode())])
    row = await inbox.notification(1)
    assert row is not None
    assert (row.type, row.seller_id, row.notification_id, row.body) == (text, text, text, text.encode())
    (claim,) = await inbox.claim("erp", 1, 2000.0, 30.0)
    assert (claim.key, claim.notification_body) == (text, text.encode())


async def test_webhook_id_is_the_same_in_an_inbox_made_anew(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("other", route()), entry("n1", route("erp"), route("log"))])
    ids = {row.handler: row.webhook_id for row in await inbox.deliveries(DeliveryFilter(notification_id=2))}
    assert ids["erp"] == webhook_id(webhook_key("n:n1", "orders", "erp"))
    assert ids["erp"] != ids["log"]
    assert ids["erp"] == "msg_2046a1d092ec39694526eea586179645"


def test_names_do_not_run_into_each_other() -> None:
    assert webhook_key("a", "bc", "d") != webhook_key("a", "b", "cd")
    assert chain_key(webhook_key("a", "b", "c"), "d") != webhook_key("a", "b", "d")
    assert len(repeat_key("n:1")) == 16
    assert repeat_key("n:1") != repeat_key("m:1")


async def test_reroute_adds_what_is_missing(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1", route("erp"))])
    assert await inbox.reroute(1, [route("erp"), route("log"), route("erp", rule="new")], 3000.0) == ("log", "erp")
    rows = await inbox.deliveries(DeliveryFilter(notification_id=1))
    assert sorted((row.rule, row.handler) for row in rows) == [("new", "erp"), ("orders", "erp"), ("orders", "log")]
    assert await inbox.reroute(1, [route("log")], 3000.0) == ()
    assert await inbox.reroute(99, [route("log")], 3000.0) == ()


async def test_reroute_of_an_unrouted_one(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1")])
    await inbox.reroute(1, [route("erp", key="k")], 3000.0)
    assert await inbox.notifications(NotificationFilter(unrouted=True)) == []
    (claim,) = await inbox.claim("erp", 1, 3000.0, 30.0)
    assert claim.webhook_id == webhook_id(webhook_key("n:n1", "orders", "erp"))
