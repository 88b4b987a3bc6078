"""Claims, results, attempts and what is left of a run that nobody heard the end of."""

from collections.abc import Callable
from typing import Any

from receiver.inbox import Child, DeliveryFilter, Entry, Inbox, Result, Route, State
from tests.receiver.inbox.fresh import brought

Make = Callable[..., Entry]
ToRoute = Callable[..., Route]
ToResult = Callable[..., Result]
States = Callable[..., Any]


async def test_claim_hands_out_the_longest_due_first_and_nothing_twice(
    inbox: Inbox, entry: Make, route: ToRoute
) -> None:
    for number, at in enumerate([1003.0, 1001.0, 1002.0, 1009.0]):
        await inbox.accept([entry(f"n{number}", route(), at=at)])
    claims = await inbox.claim("erp", 2, 1005.0, 30.0)
    assert [claim.id for claim in claims] == [2, 3]
    assert [claim.id for claim in await inbox.claim("erp", 5, 1005.0, 30.0)] == [1]
    assert await inbox.claim("erp", 5, 1005.0, 30.0) == []
    assert await inbox.next_due("erp") == 1009.0
    assert (claims[0].attempt, claims[0].run, claims[0].leased_until, claims[0].created_at) == (1, 1, 1035.0, 1001.0)


async def test_claim_of_none_takes_none(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1", route())])
    assert await inbox.claim("erp", 0, 2000.0, 30.0) == []
    assert await inbox.claim("erp", -1, 2000.0, 30.0) == []


async def test_what_a_notification_brings_is_handed_out_with_it(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    claims = await brought(
        inbox, entry("n1", route(), route("crm", key="k")), {"erp": 3, "crm": 1, "other": 2}, 1005.0, 30.0
    )
    assert [(claim.id, claim.handler, claim.run, claim.attempt, claim.leased_until) for claim in claims] == [
        (1, "erp", 1, 1, 1035.0),
        (2, "crm", 1, 1, 1035.0),
    ]
    assert await inbox.claim("erp", 5, 1005.0, 30.0) == await inbox.claim("crm", 5, 1005.0, 30.0) == []


async def test_what_waits_comes_with_what_is_brought_and_no_more_than_there_is_room(
    inbox: Inbox, entry: Make, route: ToRoute
) -> None:
    for number in range(3):
        await inbox.accept([entry(f"n{number}", route(), at=1000.0 + number)])
    assert [claim.id for claim in await brought(inbox, entry("n3", route(), at=1004.0), {"erp": 2}, 1005.0, 30.0)] == [
        1,
        2,
    ]
    assert [claim.id for claim in await inbox.claim("erp", 5, 1005.0, 30.0)] == [3, 4]


async def test_what_is_not_due_or_stands_behind_another_is_not_brought(
    inbox: Inbox, entry: Make, route: ToRoute
) -> None:
    assert [claim.id for claim in await brought(inbox, entry("n1", route(key="k")), {"erp": 5}, 1005.0, 30.0)] == [1]
    assert await brought(inbox, entry("n2", route(key="k")), {"erp": 5}, 1005.0, 30.0) == []
    assert await brought(inbox, entry("n3", route("crm", key="k", coalesce=60.0)), {"crm": 5}, 1005.0, 30.0) == []
    assert await inbox.next_due("crm") == 1060.0


async def test_attempts_are_kept_whatever_their_outcome(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await inbox.accept([entry("n1", route())])
    ends = [
        (State.WAITING, {"detail": "HTTP 503", "status": 503, "response": b"down", "due_at": 1000.0}),
        (State.WAITING, {"detail": "limited", "counts": False, "due_at": 1000.0}),
        (State.WAITING, {"detail": "limited again", "counts": False, "due_at": 1000.0}),
        (State.DONE, {"detail": "HTTP 200", "status": 200, "request_id": "r-1"}),
    ]
    numbers = []
    for at, (state, fields) in enumerate(ends):
        (claim,) = await inbox.claim("erp", 1, 5000.0, 30.0)
        numbers.append((claim.attempt, claim.run))
        await inbox.finish([result(claim, state, 2000.0 + at, **fields)])
    assert numbers == [(1, 1), (2, 2), (2, 3), (2, 4)]
    rows = await inbox.attempts(1)
    assert [(row.number, row.outcome, row.status, row.detail) for row in rows] == [
        (1, "retry", 503, "HTTP 503"),
        (2, "postponed", None, "limited again"),
        (2, "done", 200, "HTTP 200"),
    ]
    assert (rows[0].response, rows[2].request_id) == (b"down", "r-1")
    assert (rows[2].started_at, rows[2].ended_at) == (2002.0, 2003.0)
    row = await inbox.delivery(1)
    assert row is not None
    assert (row.state, row.attempts, row.reason, row.finished_at, row.leased_until) == (
        State.DONE,
        2,
        "HTTP 200",
        2003.0,
        None,
    )


async def test_results_taken_in_bulk_are_each_their_own(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await inbox.accept([entry(f"n{number}", route()) for number in range(90)])
    claims = await inbox.claim("erp", 90, 2000.0, 30.0)
    kinds = [State.DONE, State.DEAD, State.WAITING]
    results = [
        result(claim, kinds[claim.id % 3], 2000.0 + claim.id, detail=f"d{claim.id}", due_at=3000.0 + claim.id)
        for claim in claims
    ]
    finished = await inbox.finish(results)
    assert (finished.handlers, finished.lost) == (("erp",), ())
    for id_ in (1, 2, 3, 64, 65, 90):
        row = await inbox.delivery(id_)
        assert row is not None
        assert (row.state, row.reason, row.attempts) == (kinds[id_ % 3], f"d{id_}", 1)
        assert row.due_at == (3000.0 + id_ if row.state is State.WAITING else 1000.0)
    assert await inbox.count(DeliveryFilter()) == {State.DONE: 30, State.DEAD: 30, State.WAITING: 30}


async def test_a_late_result_is_not_taken(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    await inbox.accept([entry(f"n{number}", route()) for number in range(4)])
    claims = await inbox.claim("erp", 4, 2000.0, 30.0)
    assert await inbox.cancel(DeliveryFilter(ids=(2,)), 2001.0, "by hand") == 1
    finished = await inbox.finish([result(claim) for claim in claims])
    assert finished.lost == (2,)
    assert await states(1, 2, 3, 4) == [State.DONE, State.DEAD, State.DONE, State.DONE]
    assert (await inbox.finish([result(claims[0], State.DEAD)])).lost == (1,)
    assert [len(await inbox.attempts(number)) for number in (1, 2)] == [1, 0]


async def test_a_result_of_an_earlier_run_is_not_taken(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult, states: States
) -> None:
    await inbox.accept([entry("n1", route()), entry("n2", route(key="k"))])
    earlier = await inbox.claim("erp", 2, 2000.0, 30.0)
    await inbox.recover(2000.0)
    later = await inbox.claim("erp", 2, 2040.0, 30.0)
    assert sorted((await inbox.finish([result(claim) for claim in earlier])).lost) == [1, 2]
    assert await states(1, 2) == [State.RUNNING, State.RUNNING]
    assert (await inbox.finish([result(claim) for claim in later])).lost == ()


async def test_recover_counts_the_lost_run(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry("n1", route()), entry("n2", route(key="k"))])
    await inbox.claim("erp", 2, 2000.0, 3600.0)
    assert await inbox.recover(2010.0) == 2
    assert await inbox.recover(2010.0) == 0
    again = await inbox.claim("erp", 2, 2010.0, 30.0)
    assert [(claim.attempt, claim.run) for claim in again] == [(2, 2), (2, 2)]
    (row,) = await inbox.attempts(1)
    assert (row.outcome, row.number, row.started_at, row.ended_at) == ("lost", 1, 2000.0, 2010.0)


async def test_recover_leaves_leases_of_this_process_until_they_end(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await inbox.recover(1000.0)
    await inbox.accept([entry("n1", route()), entry("n2", route())])
    claims = await inbox.claim("erp", 2, 2000.0, 30.0)
    assert await inbox.extend([(claims[0].id, 1)], 2100.0) == ()
    assert await inbox.recover(2029.9) == 0
    assert await inbox.recover(2030.0) == 1
    assert (await inbox.finish([result(claims[0])])).lost == ()


async def test_extend_names_the_leases_that_are_lost(inbox: Inbox, entry: Make, route: ToRoute) -> None:
    await inbox.accept([entry(f"n{number}", route()) for number in range(3)])
    claims = await inbox.claim("erp", 3, 2000.0, 30.0)
    await inbox.cancel(DeliveryFilter(ids=(2,)), 2001.0, "by hand")
    assert await inbox.extend([(1, 1), (2, 1), (3, 7), (99, 1)], 2100.0) == ((2, 1), (3, 7), (99, 1))
    row = await inbox.delivery(claims[0].id)
    assert row is not None
    assert row.leased_until == 2100.0


async def test_chain_is_made_with_its_parents_end(inbox: Inbox, entry: Make, route: ToRoute, result: ToResult) -> None:
    await inbox.accept([entry("n1", route("order"))])
    (claim,) = await inbox.claim("order", 1, 2000.0, 30.0)
    finished = await inbox.finish([result(claim, children=(Child("erp", b"1"), Child("log", b"2")))])
    assert finished.handlers == ("erp", "log")
    (erp,) = await inbox.claim("erp", 1, 2000.0, 30.0)
    assert (erp.body, erp.attempt, erp.rule, erp.created_at) == (b"1", 1, "orders", 2000.0)
    rows = await inbox.deliveries(DeliveryFilter(notification_id=1))
    assert [(row.handler, row.parent_id, row.body) for row in rows] == [
        ("log", 1, b"2"),
        ("erp", 1, b"1"),
        ("order", None, None),
    ]


async def test_chain_of_a_replayed_parent_bears_the_same_name(
    inbox: Inbox, entry: Make, route: ToRoute, result: ToResult
) -> None:
    await inbox.accept([entry("n1", route("order"))])
    names = []
    for _ in range(2):
        (claim,) = await inbox.claim("order", 1, 2000.0, 30.0)
        await inbox.finish([result(claim, children=(Child("erp", b"1"),))])
        (child,) = await inbox.claim("erp", 1, 2000.0, 30.0)
        names.append(child.webhook_id)
        await inbox.finish([result(child)])
        await inbox.replay(DeliveryFilter(ids=(1,)), 2000.0)
    assert names[0] == names[1]
