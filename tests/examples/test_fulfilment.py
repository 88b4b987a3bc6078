"""An order goes to the warehouse once, its answer to Amazon; what the warehouse will not ship is dead, unconfirmed."""

import json
from typing import Any

import pytest

from receiver.inbox import State
from receiver.simulators.sink import Behaviour

NAME = "fulfilment"
ORDER = "903-8868176-2219830"


@pytest.fixture
async def answer(root: Any) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads((root / "examples/fulfilment/answer.json").read_text())
    return shown


async def test_the_answer_of_the_warehouse_confirms_the_shipment(play: Any, sample: Any, answer: Any) -> None:
    scene = await play(NAME)
    scene.sink.behave(Behaviour(body=json.dumps(answer)))
    await scene.push(sample("fulfilment/message.json"))
    rows = await scene.ended()
    assert [(row.handler, row.state) for row in rows] == [
        ("order", State.DONE),
        ("warehouse", State.DONE),
        ("confirm", State.DONE),
    ]
    (sent,) = scene.bodies
    assert sent["order"] == ORDER
    assert sent["ship_to"]["addressLine1"] == "1 Example Street"
    assert [item["orderItemId"] for item in sent["items"]] == [item["orderItemId"] for item in answer["items"]]
    assert scene.shop.shipped[ORDER]["1"] == {
        "marketplaceId": "ATVPDKIKX0DER",
        "packageDetail": {
            "packageReferenceId": "1",
            "carrierCode": "DHL",
            "trackingNumber": "00340434161094",
            "shipDate": "2026-03-01T12:00:00Z",
            "orderItems": answer["items"],
        },
    }


async def test_an_order_is_sent_once_however_often_it_changes(play: Any, sample: Any, answer: Any) -> None:
    scene = await play(NAME)
    scene.sink.behave(Behaviour(body=json.dumps(answer)))
    await scene.push(sample("fulfilment/message.json"))
    await scene.ended()
    await scene.push(sample("fulfilment/message.json"))
    cancelled = sample("fulfilment/message.json")
    changed = cancelled["Payload"]["OrderChangeNotification"]
    changed |= {"AmazonOrderId": "903-8868176-2219831", "OrderChangeType": "BuyerRequestedChange"}
    await scene.push(cancelled)
    await scene.ended()
    assert len(scene.bodies) == 1
    assert scene.shop.shipped.keys() == {ORDER}


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Behaviour(status=422, body='{"error": "no stock"}'), "the destination answered 422"),
        (Behaviour(body='{"status": "rejected", "why": "no stock"}'), 'status is "rejected", not "shipped"'),
    ],
    ids=["422", "200"],
)
async def test_what_the_warehouse_will_not_ship_is_dead_and_unconfirmed(
    play: Any, sample: Any, answer: Any, refusal: Behaviour, reason: str
) -> None:
    scene = await play(NAME)
    scene.sink.behave(refusal)
    await scene.push(sample("fulfilment/message.json"))
    *_, warehouse = await scene.ended()
    assert (warehouse.handler, warehouse.state) == ("warehouse", State.DEAD)
    assert reason in warehouse.reason
    (attempt,) = await scene.inbox.attempts(warehouse.id)
    assert b"no stock" in attempt.response
    assert scene.shop.shipped == {}
    # Once the warehouse has what it lacked, a replay ends as it should have.
    scene.sink.behave(Behaviour(body=json.dumps(answer)))
    await scene.replay(warehouse.id)
    await scene.until(lambda: ORDER in scene.shop.shipped)


async def test_an_answer_that_lacks_the_tracking_number_confirms_nothing(play: Any, sample: Any, answer: Any) -> None:
    scene = await play(NAME)
    del answer["tracking_number"]
    scene.sink.behave(Behaviour(body=json.dumps(answer)))
    await scene.push(sample("fulfilment/message.json"))
    *_, confirm = await scene.ended()
    assert confirm.state is State.DEAD
    assert "field result.tracking_number is missing" in confirm.reason
    assert scene.shop.shipped == {}
