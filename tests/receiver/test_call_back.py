"""The whole way there and back: a push comes in, SP-API is asked, the answer goes to a webhook, no secret with it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from receiver.inbox import DeliveryFilter, State
from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns
from receiver.simulators.spapi import Settings, SimulatedSpapi

CLIENT_ID = "amzn1.application-oa2-client.5f2e8d"
CLIENT_SECRET = "amzn1.oa2-cs.v1.c0ffee5ec4e7"
ACCESS_TOKEN = "Atza|"
"""How every access token begins."""
ORDER = "903-8868176-2219830"


@pytest.fixture
async def amazon(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedSpapi]:
    """A stand-in for Amazon whose secrets are in the environment."""
    async with SimulatedSpapi(Settings(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)) as simulated:
        monkeypatch.setenv("LWA_CLIENT_ID", CLIENT_ID)
        monkeypatch.setenv("LWA_CLIENT_SECRET", CLIENT_SECRET)
        monkeypatch.setenv("REFRESH_TOKEN", simulated.settings.refresh_token(1))
        yield simulated


@pytest.fixture
def rules(
    amazon: SimulatedSpapi, write_rules: Callable[..., str], forward_to: Callable[..., str]
) -> Callable[[str], str]:
    """Writes a rules file that calls the stand-in by a handler, and hands its answer to the sink."""
    section = (
        '[spapi]\nclient_id = { env = "LWA_CLIENT_ID" }\nclient_secret = { env = "LWA_CLIENT_SECRET" }\n'
        f'endpoints = {{ lwa = "{amazon.lwa_url}", na = "{amazon.url}" }}\n'
        f'[[spapi.accounts]]\nseller_id = "{amazon.settings.seller_id(1)}"\nregion = "na"\n'
        'refresh_token = { env = "REFRESH_TOKEN" }\n'
    )

    def write(handler: str) -> str:
        lines = f'[handlers.order]\n{handler}\nthen = ["erp"]\n[[rules]]\nname = "orders"\nhandlers = ["order"]\n'
        return write_rules(section + forward_to() + lines)

    return write


CALL = (
    'type = "spapi"\noperation = "orders.2026-01-01.getOrder"\n'
    'parameters = { orderId = "{payload.OrderChangeNotification.AmazonOrderId}" }'
)


def change(seller: str) -> dict[str, Any]:
    summary = {"MarketplaceId": "ATVPDKIKX0DER", "OrderStatus": "Unshipped"}
    notification = {"AmazonOrderId": ORDER, "SellerId": seller, "Summary": summary}
    return {
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": notification},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


def contents(directory: Path) -> list[bytes]:
    """All that is in files: the inbox and its write-ahead log among them."""
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


@pytest.mark.parametrize("first", [CALL, 'type = "order"'], ids=["spapi", "order"])
async def test_an_order_change_becomes_the_order_at_the_webhook_and_no_secret_leaks(
    start_router: Any,
    rules: Callable[[str], str],
    sns: SimulatedSns,
    sink: Sink,
    amazon: SimulatedSpapi,
    first: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    router = await start_router(rules(first))
    answer = await sns.publish(router.url, change(amazon.settings.seller_id(1)))
    assert (answer.status, answer.text) == (200, "accepted")
    await sink.wait_for(1)
    (arrival,) = sink.arrivals
    body = json.loads(arrival.body)
    assert body["order"]["orderId"] == ORDER
    assert body["items"] if "items" in body else body["order"]["orderItems"]
    await router.stop()
    assert amazon.grants["refresh_token", 200] == 1
    said = [record.getMessage() + str(record.__dict__) for record in caplog.records]
    files = contents(tmp_path)
    assert any(ORDER.encode() in content for content in files)
    for secret in (CLIENT_SECRET, amazon.settings.refresh_token(1), ACCESS_TOKEN):
        assert secret not in "\n".join(said)
        assert not any(secret.encode() in content for content in files)
        assert secret.encode() not in arrival.body
        assert secret not in str(arrival.headers)


async def test_a_seller_who_has_not_authorized_is_a_dead_delivery_that_says_how(
    start_router: Any, rules: Callable[[str], str], sns: SimulatedSns
) -> None:
    router = await start_router(rules('type = "order"'))
    await sns.publish(router.url, change("A9STRANGER"))
    async with asyncio.timeout(10):
        while not (dead := await router.inbox.deliveries(DeliveryFilter(states=(State.DEAD,)))):
            await asyncio.sleep(0.01)
    (attempt,) = await router.inbox.attempts(dead[0].id)
    assert "no SP-API account of seller A9STRANGER: run `spapi-router authorize`" in attempt.detail
