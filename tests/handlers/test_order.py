"""The order handler, against the stand-in for Amazon."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from handlers.base import Dead, Done, Postpone, TemplateError
from handlers.order import OrderSettings, order_id_of
from receiver.notification import Envelope, read
from receiver.simulators.spapi.faults import Fault

SELLER = "A0001SIMULATED"
ORDER = "111-2223334-5556667"


def document(order: str = ORDER) -> dict[str, Any]:
    return {"seller_id": SELLER, "payload": {"OrderChangeNotification": {"AmazonOrderId": order}}}


async def test_an_order_comes_with_its_items(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    outcome = await (await make("order", services=both.services)).handle(delivery(document()))
    assert isinstance(outcome, Done)
    result = json.loads(outcome.result or b"")
    assert result.keys() == {"order", "items"}
    assert result["order"]["orderId"] == ORDER
    assert result["order"].keys() >= {"fulfillment", "proceeds"}
    assert not result["order"].keys() & {"orderItems", "buyer", "recipient"}
    assert len(result["items"]) == int(outcome.detail.split()[2])
    assert all(item["product"]["sellerSku"] for item in result["items"])
    assert outcome.request_id
    assert outcome.response == (outcome.result or b"")[:4096]
    assert both.calls("orders.2026-01-01.getOrder") == 1


async def test_an_order_of_many_items_is_whole(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await make("order", services=(await amazon()).services)
    outcome = await handler.handle(delivery(document("111-2223334-0000038")))
    assert isinstance(outcome, Done)
    assert outcome.detail == "order with 75 items"
    assert len({item["orderItemId"] for item in json.loads(outcome.result or b"")["items"]}) == 75


async def test_buyer_data_comes_when_asked_for_and_is_not_kept(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    handler = await make("order", services=both.services, buyer_data=True, included=["PACKAGES"])
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Done)
    order = json.loads(outcome.result or b"")["order"]
    assert order["buyer"]["buyerName"]
    assert order["recipient"]["deliveryAddress"]["city"]
    assert "fulfillment" not in order
    assert outcome.response == b""
    assert both.calls("tokens.2021-03-01.createRestrictedDataToken") == 0


async def test_an_order_that_is_not_there_is_dead(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await make("order", services=(await amazon()).services)
    outcome = await handler.handle(delivery(document("111-2223334-0000000")))
    assert isinstance(outcome, Dead)
    assert (outcome.status, "NotFound" in outcome.reason) == (404, True)


async def test_a_notification_of_no_order_is_dead_and_says_what_to_set(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await make("order", services=(await amazon()).services)
    outcome = await handler.handle(delivery({"seller_id": SELLER, "payload": {"sku": "1"}}))
    assert isinstance(outcome, Dead)
    assert 'order = "{payload.orderId}"' in outcome.reason


async def test_throttling_spends_no_attempt(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await make("order", services=(await amazon(faults=(Fault.parse("429:100%"),))).services)
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Postpone)
    assert outcome.after > 0


async def test_the_id_can_stand_anywhere(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await make("order", services=(await amazon()).services, order="{payload.deep.id}", account=SELLER)
    outcome = await handler.handle(delivery({"payload": {"deep": {"id": ORDER}}}))
    assert isinstance(outcome, Done)


async def test_the_preview_shows_the_request(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    handler = await make("order", services=both.services, buyer_data=True, marketplace="DE")
    (request,) = handler.preview(delivery(document()))
    assert request.summary == (
        f"GET https://sellingpartnerapi-eu.amazon.com/orders/2026-01-01/orders/{ORDER}"
        "?includedData=FULFILLMENT%2CPROCEEDS%2CBUYER%2CRECIPIENT for A0001SIMULATED"
    )
    assert request.headers == {"x-amz-access-token": "***"}
    assert not both.simulated.grants


def test_amazons_own_example_names_its_order(shared: Path) -> None:
    text = (shared / "spapi/notifications/ORDER_CHANGE.json").read_text()
    (notification,) = read(Envelope(text, "m-1", "arn:aws:sns:us-east-1:123456789012:x", 1.0))
    assert order_id_of(notification.document) == "903-8868176-2219830"
    assert order_id_of({"payload": {"amazonOrderId": ORDER}}) == ORDER


@pytest.mark.parametrize("payload", [None, "text", {"AmazonOrderId": 7}, {"OrderChangeNotification": []}])
def test_a_payload_without_an_order_is_an_error(payload: Any) -> None:
    with pytest.raises(TemplateError, match="names no order"):
        order_id_of({"payload": payload})


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValidationError, match="PROCEEDS"):
        OrderSettings.model_validate({"included": ["BUYER"]})
