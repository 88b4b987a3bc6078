"""Places in the queues of usage plans: those of deliveries that were cancelled meanwhile are given up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from handlers.spapi.ticket import Held, Ticket
from receiver import places
from receiver.inbox import DeliveryFilter, Entry, Route, SqliteInbox, State
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
    assert await Places(clients, inbox).look() == 2
    assert clients.tickets == {Ticket(None, "erp", "k"), Ticket(1), *every}
    await inbox.cancel(DeliveryFilter(ids=(1, 3)), 0.0, "cancelled")
    assert await Places(clients, inbox).look() == 3
    await inbox.close()
