"""Replay, cancel, prune, forget, and the small things kept beside."""

from collections.abc import Callable
from typing import Any

import pytest

from receiver.inbox import DeliveryFilter, Entry, Inbox, NotificationFilter, Result, Route, State, Subscription

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]
ToResult = Callable[..., Result]
States = Callable[..., Any]

ALL = DeliveryFilter(limit=None)


async def _end(inbox: Inbox, result: ToResult, state: State, handler: str = "erp") -> None:
    claims = await inbox.claim(handler, 1000, 2000.0, 30.0)
    await inbox.finish([result(claim, state, detail="HTTP 500") for claim in claims])


async def test_replay_gives_fresh_attempts_spaced_out(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await inbox.accept([entry(f"n{number}", route()) for number in range(3)])
    await _end(inbox, result, State.DEAD)
    names = [row.webhook_id for row in await inbox.deliveries(ALL)]
    assert await inbox.replay(DeliveryFilter(states=(State.DEAD,), limit=None), 3000.0, spacing=0.5) == 3
    rows = await inbox.deliveries(ALL)
    assert [(row.id, row.due_at, row.attempts, row.finished_at, row.reason) for row in rows] == [
        (3, 3001.0, 0, None, ""),
        (2, 3000.5, 0, None, ""),
        (1, 3000.0, 0, None, ""),
    ]
    assert [row.webhook_id for row in rows] == names
    (claim,) = await inbox.claim("erp", 10, 3000.4, 30.0)
    assert (claim.attempt, claim.run) == (1, 2)
    await inbox.finish([result(claim, at=3001.0)])
    assert [row.outcome for row in await inbox.attempts(claim.id)] == ["dead", "done"]


async def test_replay_in_many_steps_keeps_its_spacing_and_its_limit(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await inbox.accept([entry(f"n{number}", route()) for number in range(450)])
    await _end(inbox, result, State.DEAD)
    assert await inbox.replay(DeliveryFilter(limit=430), 3000.0, spacing=1.0) == 430
    rows = await inbox.deliveries(DeliveryFilter(states=(State.WAITING,), limit=None))
    assert sorted(row.due_at or 0.0 for row in rows) == [3000.0 + number for number in range(430)]


async def test_cancelling_what_waits_leaves_what_it_releases(
    inbox: Inbox, entry: Make, route: ToRoute, states: States
) -> None:
    for burst in range(2):
        await inbox.accept([entry(f"n{burst}-{key}", route(key=f"k{key}")) for key in range(250)])
    waiting = DeliveryFilter(states=(State.WAITING,), limit=None)
    assert await inbox.count(waiting) == {State.WAITING: 250}
    assert await inbox.cancel(waiting, 3000.0, "not wanted") == 250
    assert await inbox.count(ALL) == {State.DEAD: 250, State.WAITING: 250}


async def test_replay_takes_nothing_that_is_open(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1", route()), entry("n2", route(key="k")), entry("n3", route(key="k"))])
    await inbox.claim("erp", 1, 2000.0, 30.0)
    assert await inbox.replay(ALL, 3000.0) == 0


async def test_replay_of_a_burst_runs_its_newest(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    burst = route(key="k", coalesce=10.0)
    await inbox.accept([entry(f"n{number}", burst, event_time=float(number)) for number in range(3)])
    await _end(inbox, result, State.DEAD)
    await inbox.claim("erp", 10, 2000.0, 30.0)
    await inbox.cancel(ALL, 2001.0, "by hand")
    assert await inbox.replay(ALL, 3000.0) == 3
    assert await states(1, 2, 3) == [State.SUPERSEDED, State.SUPERSEDED, State.WAITING]


async def test_cancel_ends_what_is_open_and_releases_the_line(
    inbox: Inbox, entry: Make, route: ToRoute, states: States
) -> None:
    keyed = route(key="k")
    await inbox.accept([entry(f"n{number}", keyed, event_time=float(number)) for number in range(3)])
    await inbox.claim("erp", 1, 2000.0, 30.0)
    assert await inbox.cancel(DeliveryFilter(ids=(1,)), 2001.0, "by hand") == 1
    assert await states(1, 2, 3) == [State.DEAD, State.WAITING, State.BLOCKED]
    row = await inbox.delivery(1)
    assert row is not None
    assert (row.reason, row.finished_at, row.leased_until) == ("by hand", 2001.0, None)
    assert await inbox.cancel(DeliveryFilter(handler="erp", limit=None), 2002.0, "all") == 2
    assert await states(1, 2, 3) == [State.DEAD] * 3
    assert await inbox.cancel(ALL, 2003.0, "again") == 0


@pytest.mark.parametrize(
    ("which", "ids"),
    [
        (DeliveryFilter(handler="log"), [4, 2]),
        (DeliveryFilter(rule="other"), [3]),
        (DeliveryFilter(type="FEED"), [4, 3]),
        (DeliveryFilter(key="k"), [1]),
        (DeliveryFilter(notification_id=1), [2, 1]),
        (DeliveryFilter(since=1500.0), [4, 3]),
        (DeliveryFilter(until=1500.0), [2, 1]),
        (DeliveryFilter(before_id=3), [2, 1]),
        (DeliveryFilter(limit=1), [4]),
        (DeliveryFilter(ids=(2, 3, 77)), [3, 2]),
        (DeliveryFilter(ids=()), []),
        (DeliveryFilter(states=(State.DONE,)), [2]),
        (DeliveryFilter(states=(State.DONE, State.RUNNING)), [4, 2]),
        (DeliveryFilter(states=()), []),
        (DeliveryFilter(states=(State.DEAD,), handler="log"), []),
    ],
)
async def test_filters(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, which: DeliveryFilter, ids: list[int]
) -> None:
    await inbox.accept([entry("n1", route("erp", once=None), route("log"))])
    await inbox.cancel(DeliveryFilter(ids=(1,)), 1001.0, "made anew with a key below")
    await _end(inbox, result, State.DONE, "log")
    await inbox.accept([entry("n2", route("erp", rule="other"), route("log"), type_="FEED", at=1600.0)])
    await inbox.claim("log", 1, 2000.0, 30.0)
    if which.key is not None:
        await inbox.reroute(1, [route("erp", rule="keyed", key="k")], 1000.0)
        ids = [5]
    assert [row.id for row in await inbox.deliveries(which)] == ids
    if which.limit != 1:
        assert sum((await inbox.count(which)).values()) == len(ids)


@pytest.mark.parametrize(
    ("which", "ids"),
    [
        (NotificationFilter(), [3, 2, 1]),
        (NotificationFilter(type="FEED"), [2]),
        (NotificationFilter(seller_id="S2"), [3]),
        (NotificationFilter(topic="arn:aws:sns:us-east-1:123456789012:sp-api", limit=2), [3, 2]),
        (NotificationFilter(topic="other"), []),
        (NotificationFilter(since=1200.0, until=1300.0), [2]),
        (NotificationFilter(before_id=2), [1]),
        (NotificationFilter(limit=None), [3, 2, 1]),
    ],
)
async def test_notification_filters(inbox: Inbox, entry: Make, which: NotificationFilter, ids: list[int]) -> None:
    await inbox.accept(
        [entry("n1", at=1100.0), entry("n2", type_="FEED", at=1200.0), entry("n3", seller="S2", at=1300.0)]
    )
    assert [row.id for row in await inbox.notifications(which)] == ids


async def test_what_is_not_there(inbox: Inbox) -> None:
    assert await inbox.notification(1) is None
    assert await inbox.delivery(1) is None
    assert await inbox.attempts(1) == []
    assert await inbox.next_due("erp") is None
    assert await inbox.count(ALL) == {}
    assert (await inbox.stats()).notifications == 0


async def test_prune_takes_what_is_old_and_final_with_all_that_hangs_on_it(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await inbox.accept([entry("old", route()), entry("open", route("log")), entry("none")])
    await _end(inbox, result, State.DONE)
    await inbox.accept([entry("new", at=5000.0)])
    assert await inbox.prune(5000.0, 1) == 1
    assert await inbox.prune(5000.0, 10) == 1
    assert await inbox.prune(5000.0, 10) == 0
    assert [row.id for row in await inbox.notifications(NotificationFilter())] == [4, 2]
    assert await inbox.delivery(1) is None
    assert await inbox.attempts(1) == []
    stats = await inbox.stats()
    assert stats.notifications == 2
    assert {name: count for name, count in stats.deliveries.items() if count} == {("log", State.WAITING): 1}


async def test_prune_in_many_steps(inbox: Inbox, entry: Make) -> None:
    await inbox.accept([entry(f"n{number}") for number in range(450)])
    assert await inbox.prune(2000.0, 420) == 420
    assert (await inbox.stats()).notifications == 30


async def test_repeat_of_what_was_pruned_is_caught_until_it_is_forgotten(
    inbox: Inbox, entry: Make, route: ToRoute
) -> None:
    await inbox.accept([entry("n1"), entry("n2", at=3000.0)])
    await inbox.prune(5000.0, 10)
    (again,) = await inbox.accept([entry("n1", route(), at=4000.0)])
    assert (again.id, again.duplicate) == (1, True)
    assert await inbox.forget(2000.0, 10) == 1
    answers = await inbox.accept([entry("n1", at=4001.0), entry("n2", at=4001.0)])
    assert [(answer.id, answer.duplicate) for answer in answers] == [(3, False), (2, True)]


async def test_forget_is_bounded(inbox: Inbox, entry: Make) -> None:
    await inbox.accept([entry(f"n{number}") for number in range(450)])
    assert await inbox.forget(2000.0, 420) == 420
    assert await inbox.forget(2000.0, 420) == 30


async def test_stats_follow_every_change(inbox: Inbox, entry: Make, route: ToRoute, result: ToResult) -> None:
    await inbox.accept([entry("n1", route(), route("log"), at=1000.0), entry("n2", route(), at=1500.0)])
    await inbox.claim("log", 1, 2000.0, 30.0)
    stats = await inbox.stats()
    assert stats.deliveries == {("erp", State.WAITING): 2, ("log", State.RUNNING): 1}
    assert stats.oldest_due == {"erp": 1000.0, "log": 1000.0}
    await _end(inbox, result, State.DONE)
    stats = await inbox.stats()
    assert stats.deliveries == {("erp", State.DONE): 2, ("log", State.RUNNING): 1}
    assert stats.oldest_due == {"log": 1000.0}


async def test_subscriptions_keep_the_last_word_of_a_topic(inbox: Inbox) -> None:
    pending = Subscription("arn:b", "", "pending", 1.0, "confirm it")
    confirmed = Subscription("arn:b", "arn:b:1", "confirmed", 2.0)
    other = Subscription("arn:a", "", "pending", 1.0)
    for subscription in (pending, other, confirmed):
        await inbox.save_subscription(subscription)
    assert await inbox.subscriptions() == [other, confirmed]


async def test_notes(inbox: Inbox) -> None:
    await inbox.save_note("breaker/erp", b"open")
    await inbox.save_note("breaker/log", b"open")
    await inbox.save_note("other_%", b"x")
    await inbox.save_note("breaker/erp", b"closed")
    await inbox.save_note("breaker/log", b"")
    await inbox.save_note("never", b"")
    assert await inbox.notes("breaker/") == {"breaker/erp": b"closed"}
    assert await inbox.notes("") == {"breaker/erp": b"closed", "other_%": b"x"}
    assert await inbox.notes("%") == {}
