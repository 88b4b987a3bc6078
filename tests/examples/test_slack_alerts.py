"""What needs a person reaches the channel, as plain text, and an alert that fails raises none."""

import json
import os
from typing import Any

from receiver.inbox import DeliveryFilter, State
from receiver.simulators.sink import Behaviour

NAME = "slack-alerts"
NOBODY = "http://127.0.0.1:9/"
"""The discard port: nothing listens there."""


def issue(sample: Any, sku: str, *severities: str) -> Any:
    notification = sample("LISTINGS_ITEM_ISSUES_CHANGE_2023-12-13")
    notification["Payload"] |= {"Sku": sku, "Severities": list(severities)}
    return notification


def broken_erp(rules: dict[str, Any]) -> None:
    """A destination beside Slack that is down."""
    rules["handlers"]["erp"] = {
        "type": "forward",
        "url": NOBODY,
        "allow_private": True,
        "retry": {"attempts": 1},
        "breaker": {"calls": 1, "open_for": "5m"},
    }
    rules["rules"].insert(0, {"name": "orders", "match": {"type": ["ORDER_CHANGE"]}, "handlers": ["erp"]})
    for handler in ("listing-issues", "dead-deliveries", "alarms"):
        rules["handlers"][handler]["rate"] = "100/s"


def said(body: Any) -> str:
    (block,) = body["blocks"]
    assert block["text"]["type"] == "plain_text"
    text: str = block["text"]["text"]
    return text


async def test_errors_of_listings_are_told_once_an_hour(play: Any, sample: Any) -> None:
    scene = await play(NAME)
    scene.sink.behave(Behaviour(body='{"ok": true}'))
    token = scene.router.daemon.config.handlers["listing-issues"].settings.auth.token
    for sku, severities in [("A-1", ["ERROR", "WARNING"]), ("A-1", ["ERROR"]), ("A-2", ["WARNING"])]:
        await scene.push(issue(sample, sku, *severities))
    await scene.ended()
    (body,) = scene.bodies
    assert body["channel"] == "#amazon"
    assert said(body).startswith('Listing A-1 (BT6RZ7JM4H) in ATVPDKIKX0DER: ["ERROR","WARNING"], ["SEARCH_SUPPRESSED"')
    (arrival,) = scene.sink.arrivals
    assert arrival.path == "/api/chat.postMessage"
    assert arrival.headers["Authorization"] == f"Bearer {token.read(os.environ)}"
    assert arrival.headers["Content-Type"] == "application/json"


async def test_a_name_that_is_markup_stays_text(play: Any, sample: Any) -> None:
    scene = await play(NAME)
    scene.sink.behave(Behaviour(body='{"ok": true}'))
    await scene.push(issue(sample, '<!channel> "x" {payload} \\n', "ERROR"))
    await scene.ended()
    assert said(scene.bodies[0]).startswith('Listing <!channel> "x" {payload} \\n (BT6RZ7JM4H)')


async def test_a_dead_delivery_and_a_destination_that_is_down_are_told(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=broken_erp)
    scene.sink.behave(Behaviour(body='{"ok": true}'))
    await scene.push(sample("ORDER_CHANGE"))
    await scene.sink.wait_for(2)
    (dead,) = [row for row in await scene.inbox.deliveries(DeliveryFilter()) if row.state is State.DEAD]
    texts = {body["text"]: said(body) for body in scene.bodies}
    delivery = texts[f"Delivery {dead.id} is dead"]
    assert delivery.startswith(f"Delivery {dead.id} to erp is dead: dead after 1 attempt over")
    assert "cannot connect to 127.0.0.1:9" in delivery
    assert delivery.endswith(f"\nMend the cause, then run: spapi-router deliveries replay {dead.id}")
    alarm = json.loads(texts["router.breaker_opened"].removeprefix("router.breaker_opened: "))
    assert alarm["handler"] == "erp"


async def test_slack_saying_no_is_dead_and_raises_no_alert_of_itself(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=broken_erp)
    scene.sink.behave(Behaviour(body='{"ok": false, "error": "channel_not_found"}'))
    await scene.push(sample("ORDER_CHANGE"))
    await scene.sink.wait_for(2)
    rows = await scene.ended()
    assert sorted(row.handler for row in rows) == ["alarms", "dead-deliveries", "erp"]
    assert all("channel_not_found" in row.reason for row in rows if row.handler != "erp")
    assert {row.state for row in rows} == {State.DEAD}
