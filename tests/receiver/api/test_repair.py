"""Deliveries run again and ended through the API, and who did it written down."""

import asyncio
import logging
from typing import Any

import pytest

from receiver.api import repair
from receiver.errors import Unavailable
from receiver.inbox import DeliveryFilter, State
from receiver.inbox.audit import Audit
from receiver.simulators.sink import Behaviour


async def audited(stocked: Any) -> list[tuple[str, str, str, tuple[int, ...]]]:
    return [
        (each.who, each.action, each.detail, each.ids) for each in await Audit(stocked.router.inbox).entries(limit=9)
    ]


async def state_of(stocked: Any, id_: int) -> State:
    return (await stocked.router.inbox.delivery(id_)).state


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(client: Any, stocked: Any) -> None:
    status, said = await client.post("/deliveries/replay", {"filter": {}, "dry_run": True})
    assert (status, said) == (
        200,
        {"dry_run": True, "matched": 1, "states": {"dead": 1}, "skipped": [], "done": None, "going_on": False},
    )
    assert await state_of(stocked, 1) == State.DEAD
    assert await audited(stocked) == []


async def test_a_dead_delivery_is_run_again_by_its_id_and_arrives(client: Any, stocked: Any) -> None:
    status, said = await client.post("/deliveries/replay", {"ids": [1, 77]})
    assert status == 200
    assert (said["matched"], said["done"], said["skipped"]) == (1, 1, [77])
    await stocked.sink.wait_for(2)
    await stocked.settle()
    assert await state_of(stocked, 1) == State.DONE
    assert await audited(stocked) == [("token (127.0.0.1)", "replay", "1 deliveries", (1,))]


async def test_all_that_a_filter_means_is_run_again(client: Any, stocked: Any) -> None:
    chosen = {"states": ["dead", "done"], "handler": "erp", "type": "OrderChange", "since": "1h"}
    status, said = await client.post("/deliveries/replay", {"filter": chosen, "rate": 1000})
    assert status == 200
    assert (said["matched"], said["states"], said["done"]) == (2, {"dead": 1, "done": 1}, 2)
    await stocked.settle()
    assert [len(await stocked.router.inbox.attempts(id_)) for id_ in (1, 2)] == [2, 2]
    (entry,) = await audited(stocked)
    assert entry[3] == (1, 2)
    assert "states dead done, handler erp, type ORDER_CHANGE, since " in entry[2]


async def test_a_filter_means_the_dead_where_it_does_not_say(client: Any) -> None:
    _, said = await client.post("/deliveries/replay", {"filter": {"key": "903-8868176-2219830"}, "dry_run": True})
    assert said["states"] == {"dead": 1}


@pytest.fixture
async def hanging(client: Any, stocked: Any) -> int:
    """A delivery that runs and does not end."""
    stocked.sink.behave(Behaviour(hang=True))
    await client.post("/deliveries/replay", {"ids": [1]})
    while await state_of(stocked, 1) != State.RUNNING:
        await asyncio.sleep(0.01)
    return 1


async def test_an_open_delivery_is_ended(client: Any, stocked: Any, hanging: int) -> None:
    _, said = await client.post("/deliveries/cancel", {"ids": [hanging, 2], "dry_run": True})
    assert (said["matched"], said["states"], said["skipped"]) == (1, {"running": 1}, [2])
    status, said = await client.post("/deliveries/cancel", {"filter": {"handler": "erp"}})
    assert (status, said["done"]) == (200, 1)
    row = await stocked.router.inbox.delivery(hanging)
    assert (row.state, row.reason) == (State.DEAD, "cancelled by token (127.0.0.1)")
    assert (await audited(stocked))[0][1:] == (
        "cancel",
        "1 deliveries, states waiting blocked running, handler erp",
        (hanging,),
    )


async def test_a_reason_is_kept(client: Any, stocked: Any, hanging: int) -> None:
    await client.post("/deliveries/cancel", {"ids": [hanging], "reason": "the ERP is gone"})
    assert (await stocked.router.inbox.delivery(hanging)).reason == "the ERP is gone"


async def test_more_than_a_request_should_wait_for_goes_on_in_the_background(
    client: Any, stocked: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(repair, "_AT_ONCE", 1)
    monkeypatch.setattr(repair, "_MOST_NAMED", 1)
    with caplog.at_level(logging.INFO):
        status, said = await client.post("/deliveries/replay", {"filter": {"states": ["dead", "done"]}})
        assert (status, said["matched"], said["done"], said["going_on"]) == (202, 3, None, True)
        while "repair_ended" not in caplog.text:
            await asyncio.sleep(0.01)
    (entry,) = await audited(stocked)
    assert (entry[2], entry[3]) == ("3 deliveries, states dead done", ())
    await stocked.settle()
    assert await stocked.router.inbox.count(DeliveryFilter(states=(State.DEAD,))) == {}


async def test_what_cannot_be_written_down_is_not_done(
    client: Any, stocked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_self: Audit, _action: object) -> None:
        raise Unavailable("inbox_full", "no space is left")

    monkeypatch.setattr(Audit, "add", full)
    status, problem = await client.post("/deliveries/replay", {"ids": [1]})
    assert (status, problem["reason"]) == (503, "inbox_full")
    assert await state_of(stocked, 1) == State.DEAD


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("replay", {}, "body"),
        ("replay", {"dry_run": True}, "body"),
        ("replay", {"ids": [1], "filter": {}}, "body"),
        ("replay", {"ids": []}, "body.ids"),
        ("replay", {"ids": ["1"]}, "body.ids.0"),
        ("replay", {"ids": [0]}, "body.ids.0"),
        ("replay", {"ids": [1.5]}, "body.ids.0"),
        ("replay", {"ids": [True]}, "body.ids.0"),
        ("replay", {"ids": [10**18]}, "body.ids.0"),
        ("replay", {"ids": list(range(1, 1002))}, "body.ids"),
        ("replay", {"ids": None}, "body.ids"),
        ("replay", {"filter": None}, "body.filter"),
        ("replay", {"filter": {"handlr": "erp"}}, "body.filter.handlr"),
        ("replay", {"filter": {"states": ["waiting"]}}, "body.filter.states.0"),
        ("replay", {"filter": {"states": []}}, "body.filter.states"),
        ("replay", {"filter": {"since": "yesterday"}}, "body.filter.since"),
        ("replay", {"ids": [1], "rate": 0}, "body.rate"),
        ("replay", {"ids": [1], "rate": 1e-300}, "body.rate"),
        ("replay", {"ids": [1], "dry_run": "yes"}, "body.dry_run"),
        ("cancel", {"filter": {"states": ["dead"]}}, "body.filter.states.0"),
        ("cancel", {"ids": [1], "reason": ""}, "body.reason"),
        ("cancel", {"ids": [1], "rate": 1}, "body.rate"),
        ("replay", [], "body"),
        ("replay", 1, "body"),
    ],
)
async def test_what_is_refused_changes_nothing(client: Any, stocked: Any, path: str, body: Any, place: str) -> None:
    status, problem = await client.post(f"/deliveries/{path}", body)
    assert status == 422
    assert place in [fault["place"] for fault in problem["faults"]]
    assert await audited(stocked) == []
    assert await state_of(stocked, 1) == State.DEAD
