"""Notifications and deliveries through the API: listed, found, paged, shown with their journey."""

import asyncio
import json
from typing import Any

import pytest

ORDER = "903-8868176-2219830"


async def test_notifications_are_listed_newest_first_with_the_states_of_their_deliveries(client: Any) -> None:
    status, page = await client.get("/notifications")
    assert status == 200
    assert page["next"] is None
    assert [(item["type"], item["states"]) for item in page["items"]] == [
        ("REPORT_PROCESSING_FINISHED", {}),
        ("ORDER_CHANGE", {"done": 2}),
        ("ORDER_CHANGE", {"dead": 1}),
    ]
    assert page["items"][1]["seller_id"] == "A3TH9S8BH6GOGM"
    assert page["items"][1]["event_time"] == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"type": "OrderChange"}, [2, 1]),
        ({"type": "ORDER_CHANGE", "until": "2020-01-01"}, []),
        ({"seller": "A3TH9S8BH6GOGM"}, [3, 2, 1]),
        ({"seller": "A0"}, []),
        ({"unrouted": "true"}, [3]),
        ({"unrouted": "false"}, [2, 1]),
        ({"since": "1h"}, [3, 2, 1]),
        ({"since": "0s"}, []),
        ({"text": ORDER}, [3, 1]),
        ({"text": "111-2223334-5556667"}, [2]),
        ({"text": "111-22"}, [2]),
        ({"text": "sellerID"}, [3, 2, 1]),
        ({"text": "nowhere to be found"}, []),
        ({"text": ORDER, "type": "ORDER_CHANGE"}, [1]),
        ({"text": "REPORT_PROCESSING_FINISHED", "whole": "true"}, [3]),
    ],
)
async def test_notifications_are_found(client: Any, asked: dict[str, str], ids: list[int]) -> None:
    status, page = await client.get("/notifications", **asked)
    assert status == 200, page
    assert [item["id"] for item in page["items"]] == ids


async def test_a_listing_is_read_page_by_page(client: Any) -> None:
    for path, count in (("/notifications", 3), ("/deliveries", 3)):
        found: list[int] = []
        asked: dict[str, str] = {"limit": "1"}
        for _ in range(count + 2):
            _, page = await client.get(path, **asked)
            found += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            asked["cursor"] = page["next"]
        assert found == list(range(count, 0, -1))
        assert page["next"] is None


async def test_a_notification_is_shown_with_its_whole_journey(client: Any, stocked: Any) -> None:
    status, shown = await client.get("/notifications/1")
    assert status == 200
    kept = await stocked.router.inbox.notification(1)
    assert shown["message"] == kept.body.decode()
    assert shown["document"]["payload"]["OrderChangeNotification"]["AmazonOrderId"] == ORDER
    assert {"kind": "order", "value": ORDER} in shown["identifiers"]
    rules = {each["rule"]: each for each in shown["rules"]}
    assert rules["orders"]["fired"] is True
    assert rules["prices"]["failed"] == {
        "path": "type",
        "wanted": '["ANY_OFFER_CHANGED"]',
        "seen": '"ORDER_CHANGE"',
        "hint": "",
    }
    assert (rules["resting"]["matched"], rules["resting"]["fired"], rules["resting"]["enabled"]) == (True, False, False)
    (erp,) = shown["deliveries"]
    assert (erp["handler"], erp["state"], erp["key"]) == ("erp", "dead", ORDER)
    (attempt,) = erp["history"]
    assert (attempt["outcome"], attempt["status"], attempt["response"]) == ("dead", 400, "no such customer")
    (request,) = erp["requests"]
    assert request["summary"] == f"POST {stocked.sink.url}erp"
    assert ORDER in request["body"]
    assert "whsec_" not in json.dumps(shown)


async def test_what_the_daemon_tells_of_itself_is_explained_by_no_rule(client: Any, stocked: Any) -> None:
    stocked.router.parts.internal.emit("router.test", {"a": 1})
    while not (page := (await client.get("/notifications", type="router.test"))[1])["items"]:
        await asyncio.sleep(0.01)
    _, shown = await client.get(f"/notifications/{page['items'][0]['id']}")
    assert shown["rules"] == []
    assert [each["handler"] for each in shown["deliveries"]] == ["note"]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"state": "dead"}, [1]),
        ([("state", "dead"), ("state", "done")], [3, 2, 1]),
        ({"handler": "erp"}, [2, 1]),
        ({"rule": "orders", "handler": "note"}, [3]),
        ({"rule": "prices"}, []),
        ({"key": ORDER}, [1]),
        ({"notification": "2"}, [3, 2]),
        ({"type": "ORDER_CHANGE", "since": "1h", "until": "0s"}, [3, 2, 1]),
        ({"until": "1h"}, []),
    ],
)
async def test_deliveries_are_found(client: Any, asked: Any, ids: list[int]) -> None:
    async with client.session.get("/api/v1/deliveries", params=asked) as answer:
        page = await answer.json(content_type=None)
    assert answer.status == 200, page
    assert [item["id"] for item in page["items"]] == ids


async def test_a_delivery_is_shown_with_the_tree_of_its_chain(client: Any) -> None:
    status, shown = await client.get("/deliveries/3")
    assert status == 200
    assert (shown["handler"], shown["parent"], shown["notification"]) == ("note", 2, 2)
    assert [(each["number"], each["outcome"]) for each in shown["history"]] == [(1, "done")]
    chain = shown["chain"]
    assert (chain["id"], chain["handler"], chain["state"]) == (2, "erp", "done")
    assert [(each["id"], each["handler"], each["then"]) for each in chain["then"]] == [(3, "note", [])]


async def test_one_that_is_not_there_is_a_problem(client: Any) -> None:
    for path in ("/notifications/99", "/deliveries/99"):
        status, problem = await client.get(path)
        assert (status, problem["reason"]) == (404, "not_found")
