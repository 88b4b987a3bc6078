"""What the API tells of rules, handlers, numbers and Amazon's side."""

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest

SELLER = "A3TH9S8BH6GOGM"


async def test_rules_are_listed_with_how_often_they_fired(client: Any, stocked: Any) -> None:
    status, listed = await client.get("/rules")
    assert status == 200
    assert listed["file"] == str(stocked.router.rules)
    first, prices, _, resting = listed["items"]
    assert (first["name"], first["hits"], first["handlers"]) == ("orders", 2, ["erp"])
    assert first["match"] == {"type": ["ORDER_CHANGE"]}
    assert first["key"] == "{payload.OrderChangeNotification.AmazonOrderId}"
    assert stocked.router.rules.read_text().splitlines()[first["line"] - 1] == "[[rules]]"
    assert (prices["hits"], resting["enabled"], resting["match"]) == (0, False, None)


async def test_a_message_is_explained_and_nothing_is_sent(client: Any, stocked: Any) -> None:
    arrived = len(stocked.sink.arrivals)
    message = {
        "NotificationType": "ORDER_CHANGE",
        "Payload": {"OrderChangeNotification": {"AmazonOrderId": "903-1", "SellerId": SELLER}},
    }
    status, said = await client.post("/explain", message)
    assert status == 200
    (found,) = said["notifications"]
    assert (found["type"], found["seller_id"]) == ("ORDER_CHANGE", SELLER)
    assert [(rule["rule"], rule["fired"]) for rule in found["rules"]] == [
        ("orders", True),
        ("prices", False),
        ("own", False),
        ("resting", False),
    ]
    (planned,) = found["deliveries"]
    assert (planned["handler"], planned["key"], planned["then"]) == ("erp", "903-1", ["note"])
    assert planned["requests"][0]["headers"]["webhook-signature"] == "v1,***"
    assert len(stocked.sink.arrivals) == arrived
    assert len((await client.get("/notifications"))[1]["items"]) == 3


async def test_every_shape_of_a_message_is_explained(client: Any, stocked: Any) -> None:
    bare = {"NotificationType": "ORDER_CHANGE", "Payload": {}}
    record = {"messageId": "1", "body": json.dumps(bare), "eventSource": "aws:sqs"}
    sns = {"Type": "Notification", "Message": json.dumps(bare), "TopicArn": "arn:x", "MessageId": "2"}
    for message, count in ((bare, 1), (record, 1), ([record, record], 2), (sns, 1), ({}, 1), ([], 1)):
        status, said = await client.post("/explain", message)
        assert (status, len(said["notifications"])) == (200, count)
        assert all(found["deliveries"][0]["error"] for found in said["notifications"] if found["type"])


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b'"text"', 422, "unreadable"),
        (b"7", 422, "unreadable"),
        (b"", 422, "unreadable"),
        (b"{", 422, "unreadable"),
        (b"\xff{}", 400, "bad_json"),
        (b'{"Type": 1, "Message": 2, "TopicArn": 3}', 422, "unreadable"),
        (b"[" * 500_000, 422, "unreadable"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 422, "unreadable"),
        (b"{" + b" " * (1 << 20) + b"}", 413, "too_large"),
    ],
)
async def test_what_is_no_message_is_refused(client: Any, body: bytes, status: int, reason: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.session.post("/api/v1/explain", data=io.BytesIO(body), headers=headers) as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, problem["reason"]) == (status, reason)


async def test_a_message_nested_as_deep_as_json_is_read_breaks_nothing(client: Any) -> None:
    for depth in (100, 500, 1000):
        body = b'{"NotificationType": "ORDER_CHANGE", "Payload": ' + b"[" * depth + b"]" * depth + b"}"
        headers = {"Content-Type": "application/json"}
        async with client.session.post("/api/v1/explain", data=body, headers=headers) as answer:
            assert answer.status in {200, 422}


async def test_numbers(client: Any) -> None:
    while (stats := (await client.get("/stats"))[1])["last_received"] is None:
        await asyncio.sleep(0.01)
    assert stats["notifications"] == 3
    assert stats["unrouted"] == {"REPORT_PROCESSING_FINISHED": 1}
    assert stats["deliveries"] == {"erp": {"done": 1, "dead": 1}, "note": {"done": 1}}
    counts = stats["counts"]
    assert (counts["accepted"], counts["unrouted"], counts["duplicates"]) == (3, 1, 0)
    assert counts["ended"] == {"done": 2, "dead": 1}
    assert counts["attempts"]["dead"] == 1
    assert stats["database_bytes"] > 0


async def test_refused_pushes_are_told_with_their_reason(client: Any, stocked: Any) -> None:
    async with aiohttp.ClientSession() as sender, sender.post(stocked.router.url, data=b"no JSON") as answer:
        assert answer.status == 400
    _, stats = await client.get("/stats", since="5m")
    (refusal,) = stats["refusals"]
    assert (refusal["final"], refusal["count"]) == (True, 1)
    assert stats["counts"]["refused"] == {refusal["reason"]: 1}


async def test_handlers_with_their_breakers_and_what_waits(client: Any, stocked: Any) -> None:
    status, listed = await client.get("/handlers")
    assert status == 200
    erp, note = listed["items"]
    assert (erp["name"], erp["type"], erp["then"]) == ("erp", "forward", ["note"])
    assert (erp["backlog"], erp["oldest"], note["running"]) == (0, None, 0)
    assert note["breaker"] == {"state": "closed", "since": None, "until": None, "reason": ""}


async def by_name(client: Any) -> dict[str, Any]:
    return {each["name"]: each for each in (await client.get("/handlers"))[1]["items"]}


async def test_a_handler_that_is_gone_from_the_rules_is_still_told(client: Any, stocked: Any) -> None:
    router = stocked.router
    text = router.rules.read_text()
    router.rules.write_text(
        text.replace('then = ["note"]\n', "")
        .replace("[handlers.note]", "[handlers.other]")
        .replace('["note"]', '["other"]')
    )
    await router.daemon.reload(router.parts)
    while "note" not in (found := await by_name(client)):
        await asyncio.sleep(0.01)
    assert found["other"]["type"] == "log"
    assert found["note"]["type"] is None
    assert found["note"]["states"] == {"done": 1}
    _, shown = await client.get("/deliveries/3")
    assert shown["problem"] == "the rules file has no handler note"


async def test_subscriptions(client: Any, stocked: Any) -> None:
    status, listed = await client.get("/subscriptions")
    assert status == 200
    (only,) = listed["items"]
    assert (only["topic"], only["state"]) == (stocked.sns.topic, "confirmed")


async def test_accounts_without_an_application(client: Any) -> None:
    assert await client.get("/accounts") == (200, {"items": []})
    assert await client.get("/usage-plans") == (200, {"items": []})


async def test_the_audit_log_is_read_by_page(client: Any, stocked: Any) -> None:
    for _ in range(3):
        await client.post("/deliveries/replay", {"ids": [3]})
        await stocked.settle()
    _, page = await client.get("/audit", limit="2")
    assert [entry["action"] for entry in page["items"]] == ["replay", "replay"]
    _, rest = await client.get("/audit", limit="2", cursor=page["next"])
    assert [entry["ids"] for entry in rest["items"]] == [[3]]
    assert rest["next"] is None
    assert (await client.get("/audit", action="cancel"))[1]["items"] == []
