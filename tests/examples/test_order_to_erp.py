"""Orders reach the ERP: whole, signed, once for a burst, and after a failure as well."""

import json
import os
from typing import Any

from receiver.inbox import State
from receiver.simulators.sink import Behaviour
from receiver.simulators.webhooks import WebhookCheck

NAME = "order-to-erp"


def change_of(sample: Any, order: str, status: str = "Unshipped", event_time: float = 1_760_000_000.0) -> Any:
    notification = sample("ORDER_CHANGE", event_time)
    changed = notification["Payload"]["OrderChangeNotification"]
    changed["AmazonOrderId"] = order
    changed["Summary"]["OrderStatus"] = status
    return notification


def hurry(rules: dict[str, Any]) -> None:
    rules["handlers"]["erp"]["retry"] = {"attempts": 10, "first": "20ms", "most": "50ms"}
    rules["rules"][0]["coalesce"] = "100ms"


async def test_a_burst_of_changes_is_one_order_with_its_items(play: Any, sample: Any, held: Any) -> None:
    secrets = []
    scene = await play(NAME, change=lambda rules: secrets.append(rules["handlers"]["erp"]["secret"]["env"]), clock=held)
    for number in range(4):
        await scene.push(change_of(sample, "903-8868176-2219830", event_time=1_760_000_000.0 + number))
    await scene.push(change_of(sample, "903-8868176-2219831"))
    await scene.push(change_of(sample, "903-8868176-2219832", status="Pending"))
    rows = await scene.after(2.0)
    states = [(row.handler, row.state) for row in rows]
    assert states.count(("order", State.SUPERSEDED)) == 3
    assert states.count(("erp", State.DONE)) == 2 == len(scene.bodies)
    orders = {body["order"]["orderId"]: body for body in scene.bodies}
    assert orders.keys() == {"903-8868176-2219830", "903-8868176-2219831"}
    assert all(body["items"] and body["order"]["fulfillment"] for body in scene.bodies)
    assert scene.calls("getOrder") == 2
    check = WebhookCheck(os.environ[secrets[0]])
    for arrival in scene.sink.arrivals:
        assert arrival.path == "/hooks/orders"
        check(arrival.headers, arrival.body)


async def test_an_erp_that_was_down_gets_the_order_once_it_is_up(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=hurry)
    scene.sink.behave(Behaviour(status=503), times=3)
    await scene.push(change_of(sample, "903-8868176-2219830"))
    *_, erp = await scene.ended()
    attempts = await scene.inbox.attempts(erp.id)
    assert [attempt.status for attempt in attempts] == [503, 503, 503, 200]
    assert scene.calls("getOrder") == 1
    assert len(scene.bodies) == 1


async def test_what_the_erp_refuses_is_dead_until_it_is_sent_again(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=hurry)
    scene.sink.behave(Behaviour(status=422, body=json.dumps({"error": "unknown SKU"})), times=1)
    await scene.push(change_of(sample, "903-8868176-2219830"))
    *_, erp = await scene.ended()
    assert erp.state is State.DEAD
    assert "422" in erp.reason
    (attempt,) = await scene.inbox.attempts(erp.id)
    assert b"unknown SKU" in attempt.response
    assert await scene.replay(erp.id) == 1
    *_, erp = await scene.ended()
    assert erp.state is State.DONE
    assert scene.calls("getOrder") == 1
