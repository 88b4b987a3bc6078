"""Places in the queues of usage plans: those of deliveries that were cancelled meanwhile are given up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from handlers.spapi.buckets import Buckets
from handlers.spapi.operation import Operation
from handlers.spapi.ticket import Held, Ticket
from receiver import places
from receiver.inbox import Claim, DeliveryFilter, Entry, Result, Route, SqliteInbox, State
from receiver.notification import read_stored
from receiver.places import Places
from receiver.simulators.sns import SimulatedSns
from receiver.simulators.spapi import Settings, SimulatedSpapi
from receiver.simulators.spapi.faults import Fault

RULES = """
[spapi]
client_id = {{ env = "LWA_ID" }}
client_secret = {{ env = "LWA_SECRET" }}
endpoints = {{ lwa = "{lwa}", na = "{url}" }}
[[spapi.accounts]]
seller_id = "{seller}"
region = "na"
refresh_token = {{ env = "REFRESH" }}
[handlers.order]
type = "order"
[[rules]]
name = "orders"
handlers = ["order"]
{key}
"""


@pytest.fixture
async def amazon(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedSpapi]:
    """A stand-in for Amazon whose plans are used up."""
    async with SimulatedSpapi(Settings(faults=(Fault.parse("429:100%"),))) as simulated:
        made = simulated.settings
        secrets = {"LWA_ID": made.client_id, "LWA_SECRET": made.client_secret, "REFRESH": made.refresh_token(1)}
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        yield simulated


def order(seller: str, number: int) -> dict[str, Any]:
    return {
        "NotificationType": "ORDER_CHANGE",
        "Payload": {"OrderChangeNotification": {"AmazonOrderId": f"903-8868176-221983{number}", "SellerId": seller}},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("key", ["", 'key = "{payload.OrderChangeNotification.AmazonOrderId}"'])
async def test_a_cancelled_delivery_leaves_no_place_in_the_line_of_a_plan(
    start_router: Any,
    write_rules: Any,
    sns: SimulatedSns,
    amazon: SimulatedSpapi,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> None:
    monkeypatch.setattr(places, "_EVERY", 0.05)
    seller = amazon.settings.seller_id(1)
    rules = RULES.format(lwa=amazon.lwa_url, url=amazon.url, seller=seller, key=key)
    router = await start_router(write_rules(rules))

    def waiting() -> int:
        return sum(usage.waiting for usage in router.parts.spapi.usage())

    for number in range(4):
        assert (await sns.publish(router.url, order(seller, number))).status == 200
    await until(lambda: waiting() >= 2)
    # As the command does, which is another process than the daemon.
    other = await SqliteInbox.attach(router.inbox.path)
    try:
        while await other.cancel(DeliveryFilter(), 0.0, "not wanted any more"):
            pass
    finally:
        await other.close()
    await until(lambda: waiting() == 0)


def entry(name: str, key: str | None = None) -> Entry:
    outer = {"Message": name, "MessageId": name, "TopicArn": "a:b:c:d:e:f", "Timestamp": "2026-03-06T20:00:26Z"}
    body = orjson.dumps(outer)
    return Entry(read_stored(body, 0), (Route("orders", "erp", key=key),), body, 1000.0)


class Clients:
    """Places that a test says."""

    def __init__(self, *tickets: Ticket) -> None:
        self.places = {Held(ticket, 1.0) for ticket in tickets}

    @property
    def tickets(self) -> set[Ticket]:
        return {place.ticket for place in self.places}

    def holders(self) -> list[Held]:
        return list(self.places)

    def let_go(self, places: list[Held]) -> None:
        self.places -= set(places)


async def test_who_may_come_still_keeps_the_place(tmp_path: Path) -> None:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.accept([entry("plain"), entry("first", key="k"), entry("second", key="k")])
    await inbox.accept([entry(f"more-{number}") for number in range(500)])
    await inbox.cancel(DeliveryFilter(ids=(2,)), 0.0, "cancelled")
    await inbox.claim("erp", 1, 5000.0, 30.0)
    open_ = DeliveryFilter(states=(State.WAITING, State.RUNNING), limit=None)
    every = [Ticket(row.id) for row in await inbox.deliveries(open_)]
    assert len(every) == 502
    clients: Any = Clients(Ticket(1), Ticket(None, "erp", "k"), Ticket(None, "erp", "none"), Ticket(7777), *every)
    places = Places(clients, inbox, lambda _: None, lambda: 5000.0)
    assert await places.look() == 2
    assert clients.tickets == {Ticket(None, "erp", "k"), Ticket(1), *every}
    await inbox.cancel(DeliveryFilter(ids=(1, 3)), 0.0, "cancelled")
    assert await places.look() == 3
    await inbox.close()


class Plan:
    """One plan of a call in a minute, in which a test takes places; its clock is the inbox's too."""

    operation = Operation("probe", "v1", "get", "GET", "/probe", "probe.v1.get", rate=1 / 60, burst=1)

    def __init__(self) -> None:
        self.now = 5000.0
        self.buckets = Buckets(lambda: self.now)
        self.holders, self.let_go = self.buckets.holders, self.buckets.let_go
        assert self.buckets.reserve("A1", self.operation, "first") == 0.0

    def told(self, claim: Claim) -> Result:
        """What becomes of a delivery that asks for its turn."""
        name = Ticket(claim.id) if claim.key is None else Ticket(None, claim.handler, claim.key)
        wait = self.buckets.reserve("A1", self.operation, name)
        return self.later(claim, wait) if wait else self.done(claim)

    def later(self, claim: Claim, wait: float) -> Result:
        due_at = self.now + wait
        return Result(claim.id, claim.run, State.WAITING, self.now, self.now, due_at=due_at, counts=False)

    def done(self, claim: Claim) -> Result:
        return Result(claim.id, claim.run, State.DONE, self.now, self.now)


async def test_who_waits_behind_places_that_are_given_up_comes_at_once_its_turn_is_there(tmp_path: Path) -> None:
    inbox, plan, woken = await SqliteInbox.open(tmp_path / "inbox.db"), Plan(), list[str]()
    clients: Any = plan
    places = Places(clients, inbox, woken.extend, lambda: plan.now)
    keys = [*[None] * 60, None, "k", "busy", None, None]
    await inbox.accept([entry(f"number {number}", key=key) for number, key in enumerate(keys)])
    claims = await inbox.claim("erp", 100, plan.now, 30.0)
    # The last but two has a time of its own, told by Amazon, and the last one a turn that is far off.
    results = [plan.told(claim) for claim in claims]
    results[62] = plan.later(claims[62], 7200.0)
    await inbox.finish(results)
    before = {row.id: row.due_at for row in await inbox.deliveries(DeliveryFilter(limit=None))}
    assert before[61] - plan.now > 3600.0
    assert await places.look() == 0
    assert not woken

    await inbox.cancel(DeliveryFilter(ids=tuple(range(1, 61))), plan.now, "not wanted")
    plan.now += 30.0
    assert await places.look() == 60
    after = {row.id: row.due_at for row in await inbox.deliveries(DeliveryFilter(limit=None))}
    assert 0.0 < after[61] - plan.now < 60.0
    assert 60.0 < after[62] - plan.now < 120.0
    assert {id_ for id_ in before if after[id_] != before[id_] and id_ > 60} == {61, 62}
    assert set(woken) == {"erp"}
    for id_ in (61, 62):
        plan.now = after[id_]
        (claim,) = await inbox.claim("erp", 1, plan.now, 30.0)
        assert claim.id == id_
        result = plan.told(claim)
        assert result.state is State.DONE
        await inbox.finish([result])
    await inbox.close()
