"""A router with a stocked inbox, and a client that holds its token."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from receiver.inbox import DeliveryFilter, State
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns

TOKEN = "c4b1e2a0f6d94bb7a1f0e2"
ORDER = "903-8868176-2219830"
RULES = """
[handlers.note]
type = "log"

[[rules]]
name = "orders"
description = "what the shop sells"
match.type = ["ORDER_CHANGE"]
key = "{payload.OrderChangeNotification.AmazonOrderId}"
handlers = ["erp"]

[[rules]]
name = "prices"
match.type = ["ANY_OFFER_CHANGED"]
handlers = ["note"]

[[rules]]
name = "own"
match.type = ["router.test"]
handlers = ["note"]

[[rules]]
name = "resting"
enabled = false
handlers = ["note"]
"""
CONSOLE = '[console]\ntoken = { env = "CONSOLE_TOKEN" }\n'
ERP = 'retry = { attempts = 1 }\nbreaker = false\nthen = ["note"]\n'


def order(number: str = ORDER) -> dict[str, Any]:
    """A notification of SP-API."""
    return {
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": {"SellerId": "A3TH9S8BH6GOGM", "AmazonOrderId": number}},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


@dataclass
class Client:
    """Asks the API; each answer is its status and its JSON."""

    session: aiohttp.ClientSession

    async def get(self, path: str, **parameters: Any) -> tuple[int, Any]:
        async with self.session.get(f"/api/v1{path}", params=parameters) as answer:
            return answer.status, await answer.json(content_type=None)

    async def post(self, path: str, body: Any, **parameters: Any) -> tuple[int, Any]:
        async with self.session.post(f"/api/v1{path}", json=body, params=parameters) as answer:
            return answer.status, await answer.json(content_type=None)


@dataclass
class Stocked:
    """A router whose inbox holds an order that died at the ERP, one that went well and on, and one without a rule."""

    router: Any
    sns: SimulatedSns
    sink: Sink

    async def settle(self) -> None:
        """Wait until no delivery is open."""
        open_ = DeliveryFilter(states=(State.WAITING, State.BLOCKED, State.RUNNING))
        while await self.router.inbox.count(open_):
            await asyncio.sleep(0.01)


@pytest.fixture
async def stocked(
    start_router: Any,
    write_rules: Any,
    forward_to: Any,
    sns: SimulatedSns,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> Stocked:
    monkeypatch.setenv("CONSOLE_TOKEN", TOKEN)
    router = await start_router(write_rules(forward_to("erp", ERP) + RULES + CONSOLE))
    found = Stocked(router, sns, sink)
    await sns.subscribe(router.url)
    sink.behave(Behaviour(status=400, body="no such customer"), times=1)
    await sns.publish(router.url, order())
    await found.settle()
    sink.behave(Behaviour(body='{"number": 7}'))
    await sns.publish(router.url, order("111-2223334-5556667"))
    await sns.publish(router.url, {**order(), "NotificationType": "REPORT_PROCESSING_FINISHED"})
    await found.settle()
    return found


@pytest.fixture
def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def client(stocked: Stocked, headers: dict[str, str]) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(stocked.router.admin, headers=headers) as session:
        yield Client(session)
