"""Order by key, and what supersedes what."""

from collections.abc import Callable
from typing import Any

import pytest

from handlers.base import Template
from receiver.inbox import Child, DeliveryFilter, Entry, Inbox, Once, Result, Route, State
from receiver.retention import Retention
from receiver.rules import OnceRule, Rule

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]
ToResult = Callable[..., Result]
States = Callable[..., Any]

WAITING, BLOCKED, RUNNING, DONE, DEAD, SUPERSEDED = State


async def test_one_in_flight_by_event_time_then_arrival(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    keyed = route(key="k")
    await inbox.accept([entry("late", keyed, event_time=300.0), entry("early", keyed, event_time=100.0)])
    await inbox.accept([entry("same", keyed, event_time=300.0)])
    assert await states(1, 2, 3) == [BLOCKED, WAITING, BLOCKED]
    order = []
    for _ in range(3):
        (claim,) = await inbox.claim("erp", 10, 2000.0, 30.0)
        assert await inbox.claim("erp", 10, 2000.0, 30.0) == []
        finished = await inbox.finish([result(claim)])
        order.append((claim.id, finished.handlers))
    assert order == [(2, ("erp",)), (1, ("erp",)), (3, ())]


async def test_an_older_one_goes_before_a_waiting_one_but_not_before_a_running_one(
    inbox: Inbox, entry: Make, route: ToRoute, states: States
) -> None:
    keyed = route(key="k")
    await inbox.accept([entry("n1", keyed, event_time=300.0)])
    await inbox.accept([entry("n2", keyed, event_time=200.0)])
    assert await states(1, 2) == [BLOCKED, WAITING]
    await inbox.claim("erp", 1, 2000.0, 30.0)
    await inbox.accept([entry("n3", keyed, event_time=100.0)])
    assert await states(1, 2, 3) == [BLOCKED, RUNNING, BLOCKED]


async def test_a_retrying_head_keeps_its_key_and_a_dead_one_releases_it(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    keyed = route(key="k")
    await inbox.accept([entry("n1", keyed, event_time=1.0), entry("n2", keyed, event_time=2.0)])
    (claim,) = await inbox.claim("erp", 10, 1000.0, 30.0)
    assert (await inbox.finish([result(claim, WAITING, 1001.0, due_at=1100.0)])).handlers == ("erp",)
    assert await inbox.claim("erp", 10, 1099.0, 30.0) == []
    assert await inbox.next_due("erp") == 1100.0
    (claim,) = await inbox.claim("erp", 10, 1100.0, 30.0)
    assert (claim.id, claim.attempt, claim.run) == (1, 2, 2)
    await inbox.finish([result(claim, DEAD, 1101.0, detail="410")])
    assert await states(1, 2) == [DEAD, WAITING]


async def test_keys_and_handlers_do_not_hold_each_other_back(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1", route(key="a"), route("log", key="a")), entry("n2", route(key="b"), route())])
    assert len(await inbox.claim("erp", 10, 2000.0, 30.0)) == 3
    assert len(await inbox.claim("log", 10, 2000.0, 30.0)) == 1


async def test_a_key_with_many_does_not_starve_a_key_with_one(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    """One worker: after the crowded key had its turn, the others have theirs."""
    await inbox.accept([entry(f"many{i}", route(key="many"), event_time=float(i)) for i in range(20)])
    await inbox.accept([entry("one", route(key="one"), at=1001.0)])
    served = []
    for turn in range(3):
        (claim,) = await inbox.claim("erp", 1, 2000.0 + turn, 30.0)
        served.append(claim.key)
        await inbox.finish([result(claim, at=2000.0 + turn)])
    assert served == ["many", "one", "many"]


async def test_burst_becomes_one_of_the_newest(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    burst = route(key="k", coalesce=10.0)
    for number, event_time in enumerate([5.0, 9.0, 7.0, 9.0]):
        await inbox.accept([entry(f"n{number}", burst, event_time=event_time, at=1000.0 + number)])
    assert await states(1, 2, 3, 4) == [SUPERSEDED, SUPERSEDED, SUPERSEDED, WAITING]
    rows = [await inbox.delivery(number) for number in (1, 2, 3, 4)]
    assert [row.superseded_by for row in rows if row] == [2, 4, 2, None]
    assert rows[0] is not None
    assert rows[0].reason
    assert await inbox.next_due("erp") == 1010.0
    (claim,) = await inbox.claim("erp", 10, 1010.0, 30.0)
    await inbox.finish([result(claim)])
    assert await inbox.next_due("erp") is None


async def test_steady_burst_does_not_postpone_for_ever(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    for number in range(50):
        burst = route(key="k", coalesce=10.0)
        await inbox.accept([entry(f"n{number}", burst, event_time=float(number), at=1000.0 + number)])
        if claims := await inbox.claim("erp", 10, 1000.0 + number, 30.0):
            assert number == 10
            assert claims[0].id == 11
            return
    pytest.fail("the burst was postponed for ever")


async def test_burst_leaves_a_running_one_alone(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    burst = route(key="k", coalesce=10.0)
    await inbox.accept([entry("n1", burst, event_time=1.0)])
    (claim,) = await inbox.claim("erp", 1, 1010.0, 30.0)
    await inbox.accept([entry("n2", burst, event_time=2.0), entry("n3", burst, event_time=3.0)])
    assert await states(1, 2, 3) == [RUNNING, SUPERSEDED, BLOCKED]
    await inbox.finish([result(claim, WAITING, 1020.0, due_at=9000.0)])
    assert await states(1, 2, 3) == [SUPERSEDED, SUPERSEDED, WAITING]
    assert await inbox.next_due("erp") == 1020.0


async def test_backoff_of_the_newest_is_kept_when_an_older_one_arrives(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    burst = route(key="k", coalesce=10.0)
    await inbox.accept([entry("n1", burst, event_time=9.0)])
    (claim,) = await inbox.claim("erp", 1, 1010.0, 30.0)
    await inbox.finish([result(claim, WAITING, 1011.0, due_at=5000.0)])
    await inbox.accept([entry("n2", burst, event_time=1.0, at=1012.0)])
    assert await inbox.next_due("erp") == 5000.0


async def test_bursts_of_other_rules_and_keys_are_apart(
    inbox: Inbox, entry: Make, route: ToRoute, states: States
) -> None:
    await inbox.accept(
        [
            entry("n1", route(key="k", coalesce=10.0), event_time=1.0),
            entry("n2", route(key="k", coalesce=10.0, rule="other"), event_time=2.0),
            entry("n3", route(key="l", coalesce=10.0), event_time=3.0),
            entry("n4", route(key="k"), event_time=4.0),
        ]
    )
    assert SUPERSEDED not in await states(1, 2, 3, 4)


async def test_newest_only_drops_what_comes_after_a_newer_done(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    fresh = route(key="k", newest_only=True)
    await inbox.accept([entry("n1", fresh, event_time=50.0)])
    (claim,) = await inbox.claim("erp", 1, 2000.0, 30.0)
    await inbox.accept([entry("n2", fresh, event_time=10.0), entry("n3", fresh, event_time=60.0)])
    await inbox.finish([result(claim)])
    await inbox.accept([entry("n4", fresh, event_time=49.0), entry("n5", fresh, event_time=50.0)])
    assert await states(1, 2, 3, 4, 5) == [DONE, SUPERSEDED, BLOCKED, SUPERSEDED, WAITING]
    row = await inbox.delivery(4)
    assert row is not None
    assert row.superseded_by == 1


async def test_newest_only_drops_nothing_for_a_newer_that_died(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    fresh = route(key="k", newest_only=True)
    await inbox.accept([entry("n1", fresh, event_time=50.0)])
    (claim,) = await inbox.claim("erp", 1, 2000.0, 30.0)
    await inbox.finish([result(claim, DEAD, detail="410")])
    await inbox.accept([entry("n2", fresh, event_time=10.0)])
    assert await states(1, 2) == [DEAD, WAITING]


async def test_newest_only_meets_a_retry_that_became_stale(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    """Taken off its key by a cancellation, an old one cannot come back over the newer one that was done meanwhile."""
    fresh = route(key="k", newest_only=True)
    await inbox.accept([entry("n1", fresh, event_time=10.0), entry("n2", fresh, event_time=20.0)])
    (first,) = await inbox.claim("erp", 1, 2000.0, 30.0)
    await inbox.finish([result(first, DEAD, detail="410")])
    (second,) = await inbox.claim("erp", 1, 2000.0, 30.0)
    await inbox.finish([result(second)])
    assert await inbox.replay(DeliveryFilter(ids=(1,)), 3000.0) == 1
    assert await states(1, 2) == [SUPERSEDED, DONE]
    assert await inbox.replay(DeliveryFilter(ids=(2,)), 3000.0) == 1
    assert await states(1, 2) == [SUPERSEDED, WAITING]


async def test_without_a_key_neither_applies(inbox: Inbox, entry: Make, route: ToRoute, states: States) -> None:
    loose = route(coalesce=10.0, newest_only=True)
    await inbox.accept([entry("n1", loose, event_time=1.0), entry("n2", loose, event_time=2.0)])
    assert await states(1, 2) == [WAITING, WAITING]
    assert await inbox.next_due("erp") == 1000.0


@pytest.mark.parametrize("key", [None, "k"])
async def test_once_lets_the_first_through(
    inbox: Inbox, entry: Make, route: ToRoute, states: States, key: str | None
) -> None:
    report = route(key=key, once=Once("report-1", 100.0))
    other = route(key=key, once=Once("report-2", 100.0))
    for number, at in enumerate([1000.0, 1050.0, 1100.0, 1101.0, 1150.0]):
        await inbox.accept([entry(f"n{number}", report, at=at)])
    await inbox.accept([entry("other", other, at=1150.0)])
    found = await states(1, 2, 3, 4, 5, 6)
    assert [state is SUPERSEDED for state in found] == [False, True, True, False, True, False]
    row = await inbox.delivery(3)
    assert row is not None
    assert row.superseded_by == 1


async def test_once_after_a_first_that_died(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    report = route(once=Once("report-1", 100.0))
    await inbox.accept([entry("n1", report)])
    (claim,) = await inbox.claim("erp", 1, 1000.0, 30.0)
    await inbox.finish([result(claim, DEAD, 1001.0, detail="410")])
    await inbox.accept([entry("n2", report, at=1002.0), entry("n3", report, at=1003.0)])
    assert await states(1, 2, 3) == [DEAD, WAITING, SUPERSEDED]


async def test_once_after_a_first_that_another_kind_took_the_place_of(
    inbox: Inbox, entry: Make, route: ToRoute, states: States
) -> None:
    """A status that comes again, after one that is not delivered any more, is the newest and not delivered yet."""
    shipped, unshipped = (route(key="k", coalesce=10.0, once=Once(status, 100.0)) for status in ("yes", "no"))
    for number, status in enumerate([unshipped, shipped, unshipped, unshipped]):
        await inbox.accept([entry(f"n{number}", status, event_time=number, at=1000.0 + number)])
    assert await states(1, 2, 3, 4) == [SUPERSEDED, SUPERSEDED, WAITING, SUPERSEDED]
    row = await inbox.delivery(4)
    assert row is not None
    assert row.superseded_by == 3


@pytest.mark.parametrize(("later", "runs"), [(89.0, False), (91.0, True)])
async def test_once_is_remembered_for_its_time_however_short_the_retention(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States, later: float, runs: bool
) -> None:
    day = 86400.0
    letter = route(once=Once("order-1", 90 * day))
    rule = Rule("letters", None, ("erp",), once=OnceRule(Template.parse("{seller_id}"), 90 * day))
    await inbox.accept([entry("n1", letter, at=0.0)])
    (claim,) = await inbox.claim("erp", 1, 0.0, 30.0)
    await inbox.finish([result(claim, DONE, 1.0)])
    await Retention(inbox, 30 * day, lambda: later * day, rules=lambda: (rule,)).prune()
    await inbox.accept([entry("n2", letter, at=later * day)])
    assert await states(2) == [WAITING if runs else SUPERSEDED]
    await Retention(inbox, 0.0, lambda: later * day + 2 * day).prune()
    await inbox.accept([entry("n3", letter, at=later * day)])
    assert await states(3) == [WAITING]


async def test_chain_child_stands_in_the_line_of_its_own_handler(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    keyed = route("order", key="k")
    await inbox.accept([entry("n1", keyed, event_time=5.0), entry("n2", keyed, event_time=6.0)])
    (claim,) = await inbox.claim("order", 5, 2000.0, 30.0)
    finished = await inbox.finish([result(claim, children=(Child("erp", b"{}"),))])
    assert finished.handlers == ("erp", "order")
    (second,) = await inbox.claim("order", 5, 2000.0, 30.0)
    await inbox.finish([result(second, children=(Child("erp", b"[]"),))])
    (child,) = await inbox.claim("erp", 5, 2000.0, 30.0)
    assert (child.rule, child.key, child.event_time, child.body) == ("orders", "k", 5.0, b"{}")
    assert child.notification_body == claim.notification_body
    await inbox.finish([result(child)])
    (next_child,) = await inbox.claim("erp", 5, 2000.0, 30.0)
    assert (next_child.body, next_child.event_time) == (b"[]", 6.0)
    row = await inbox.delivery(next_child.id)
    assert row is not None
    assert row.parent_id == second.id
    assert child.webhook_id not in {claim.webhook_id, next_child.webhook_id}


async def test_burst_leaves_one_alone_that_has_begun_something(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    burst = route(key="k", coalesce=10.0)
    await inbox.accept([entry("n1", burst, event_time=5.0)])
    (claim,) = await inbox.claim("erp", 1, 1010.0, 30.0)
    await inbox.accept([entry("n2", burst, event_time=6.0, at=1011.0)])
    postponed = {"due_at": 1050.0, "counts": False}
    await inbox.finish([result(claim, WAITING, 1012.0, begun=True, **postponed)])
    for number, event_time in [(3, 7.0), (4, 4.0)]:
        await inbox.accept([entry(f"n{number}", burst, event_time=event_time, at=1013.0)])
    assert await states(1, 2, 3, 4) == [WAITING, SUPERSEDED, BLOCKED, SUPERSEDED]
    assert await inbox.next_due("erp") == 1050.0
    (claim,) = await inbox.claim("erp", 9, 1050.0, 30.0)
    await inbox.finish([result(claim, WAITING, 1051.0, **postponed | {"due_at": 1080.0})])
    (claim,) = await inbox.claim("erp", 9, 1080.0, 30.0)
    assert claim.id == 1
    await inbox.finish([result(claim, DONE, 1081.0)])
    assert await states(1, 3) == [DONE, WAITING]


async def begun(inbox: Inbox, entry: Entry, result: ToResult, due_at: float) -> None:
    """Keep a notification whose delivery has begun something and waits for it."""
    await inbox.accept([entry])
    (claim,) = await inbox.claim("erp", 1, 1010.0, 30.0)
    await inbox.finish([result(claim, WAITING, 1011.0, due_at=due_at, counts=False, begun=True)])


async def test_an_older_event_leaves_one_alone_that_has_begun_its_time(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    burst = route(key="k", coalesce=10.0)
    await begun(inbox, entry("n1", burst, event_time=5.0), result, due_at=9000.0)
    await inbox.accept([entry("n2", burst, event_time=4.0, at=1020.0)])
    assert await states(1, 2) == [WAITING, SUPERSEDED]
    assert await inbox.next_due("erp") == 9000.0


async def test_a_replayed_one_has_begun_nothing(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    burst = route(key="k", coalesce=10.0)
    await begun(inbox, entry("n1", burst, event_time=5.0), result, due_at=1050.0)
    (claim,) = await inbox.claim("erp", 1, 1050.0, 30.0)
    await inbox.finish([result(claim, DEAD, 1051.0)])
    await inbox.replay(DeliveryFilter(ids=(1,)), 1060.0)
    await inbox.accept([entry("n2", burst, event_time=6.0, at=1061.0)])
    assert await states(1, 2) == [SUPERSEDED, WAITING]
