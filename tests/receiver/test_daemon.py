"""A whole router, driven through its doors: pushes in, webhooks out."""

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from handlers.webhooks import parse_secret, verify
from receiver.inbox import DeliveryFilter, NotificationFilter, State
from receiver.notification import read_stored
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns
from receiver.sns.shelf import CertificateShelf
from receiver.times import parse_time

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CATCH_ALL = '[[rules]]\nname = "all"\nhandlers = ["erp"]\n'


def order(
    order_id: str = "903-1", status: str = "Unshipped", event_time: str = "2026-01-01T00:00:00Z"
) -> dict[str, Any]:
    return {
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": {"AmazonOrderId": order_id, "Summary": {"OrderStatus": "Unshipped"}}},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


async def test_a_push_is_confirmed_kept_routed_and_delivered_signed(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    router = await start_router(write_rules(forward_to() + CATCH_ALL))
    subscription = await sns.subscribe(router.url)
    answer = await sns.publish(router.url, order("903-7"))
    assert (answer.status, answer.text) == (200, "accepted")
    await sink.wait_for(1)
    (arrival,) = sink.arrivals
    body = json.loads(arrival.body)
    assert body["payload"]["OrderChangeNotification"]["AmazonOrderId"] == "903-7"
    verify(arrival.headers, arrival.body, [parse_secret(SECRET)], now=arrival.time)
    (kept,) = await router.inbox.subscriptions()
    assert (kept.topic, kept.state, kept.arn) == (sns.topic, "confirmed", subscription.arn)


async def test_confirming_again_is_harmless_and_an_end_is_recorded(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns
) -> None:
    router = await start_router(write_rules(forward_to() + CATCH_ALL))
    await sns.subscribe(router.url)
    await sns.subscribe(router.url)
    assert [each.state for each in await router.inbox.subscriptions()] == ["confirmed"]
    answer = await sns.unsubscribe(router.url)
    assert (answer.status, answer.text) == (200, "unsubscribed")
    assert [each.state for each in await router.inbox.subscriptions()] == ["unsubscribed"]


async def test_without_auto_confirm_a_subscription_waits(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns
) -> None:
    router = await start_router(write_rules(forward_to() + CATCH_ALL, sns="auto_confirm = false"))
    push = sns.messages().subscription_confirmation("t" * 64, sent_at=sns.clock())
    answer = await sns.deliver(router.url, push)
    assert (answer.status, answer.text) == (200, "pending")
    (kept,) = await router.inbox.subscriptions()
    assert kept.state == "pending"
    assert "sns.auto_confirm" in kept.detail


async def test_what_a_lone_push_brings_is_handed_out_in_the_transaction_that_keeps_it(
    start_router: Any,
    write_rules: Any,
    forward_to: Any,
    sns: SimulatedSns,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    router = await start_router(write_rules(forward_to() + CATCH_ALL))
    await sns.publish(router.url, order("903-0"))
    await sink.wait_for(1)
    asked: list[str] = []
    submit = router.inbox.submit

    def noted(operation: Any, payload: Any) -> Any:
        asked.append(operation.__name__)
        return submit(operation, payload)

    monkeypatch.setattr(router.inbox, "submit", noted)
    while "claim_fresh" not in asked:
        asked.clear()
        await sns.publish(router.url, order(f"903-{uuid4()}"))
    assert asked[asked.index("claim_fresh") - 1] == "take"


async def test_two_hundred_identical_pushes_make_one_row_and_one_delivery(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    router = await start_router(write_rules(forward_to() + CATCH_ALL))
    push = sns.messages().notification(json.dumps(order()), subscription=f"{sns.topic}:1", sent_at=sns.clock())
    answers = await asyncio.gather(*(sns.deliver(router.url, push) for _ in range(200)))
    assert {answer.status for answer in answers} == {200}
    assert sorted(answer.text for answer in answers).count("accepted") == 1
    await sink.wait_for(1)
    (row,) = await router.inbox.notifications(NotificationFilter())
    assert row.repeats == 199
    assert len(await router.inbox.deliveries(DeliveryFilter())) == 1


async def test_a_repeat_of_sp_api_under_another_sns_message_runs_nothing(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns
) -> None:
    router = await start_router(write_rules(forward_to() + CATCH_ALL))
    notification = order()
    first = await sns.publish(router.url, notification)
    notification["NotificationMetadata"]["PublishTime"] = "2026-02-02T00:00:00Z"
    second = await sns.publish(router.url, notification)
    assert (first.text, second.text) == ("accepted", "duplicate")


def shapes(notification: Mapping[str, Any]) -> list[str]:
    event = {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "NOTIFICATION",
        "source": "aws.partner/sellingpartnerapi.amazon.com/1/2",
        "detail": notification,
    }
    record = {"messageId": str(uuid4()), "body": json.dumps(notification), "eventSource": "aws:sqs"}
    return [json.dumps(notification), json.dumps(event), json.dumps(record), json.dumps([record])]


async def test_every_example_arrives_in_every_shape_and_is_shown_right(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, shared: Path
) -> None:
    router = await start_router(
        write_rules(forward_to() + '[[rules]]\nname = "none"\nenabled = false\nhandlers = ["erp"]')
    )
    expected = {}
    for path in sorted((shared / "spapi/notifications").iterdir()):
        for place in range(4):
            example = json.loads(path.read_text())
            metadata = example.get("NotificationMetadata") or example["notificationMetadata"]
            name = "NotificationId" if "NotificationId" in metadata else "notificationId"
            metadata[name] = f"{path.stem}-{place}"
            answer = await sns.publish(router.url, shapes(example)[place])
            assert (answer.status, answer.text) == (200, "accepted")
            fields = {key.lower(): value for key, value in example.items()}
            expected[metadata[name]] = (fields["notificationtype"], fields["eventtime"], fields["payload"])
    rows = await router.inbox.notifications(NotificationFilter(limit=1000))
    assert len(rows) == len(expected) == 68
    for row in rows:
        type_, event_time, payload = expected[row.notification_id]
        assert (row.type, row.event_time) == (type_, parse_time(event_time))
        assert read_stored(row.body, row.part).document["payload"] == payload
    assert {(row.seller_id, row.marketplace_id) for row in rows if row.type == "ORDER_CHANGE"} == {
        ("A3TH9S8BH6GOGM", "ATVPDKIKX0DER")
    }


REAL = ["notification-signature-v2", "notification-subject-signature-v1", "subscription-confirmation-signature-v1"]
REAL_CERTIFICATE = "SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"


@pytest.mark.parametrize("name", REAL)
async def test_real_messages_are_authentic_at_their_time_and_no_changed_one_is(
    start_router: Any, shared: Path, tmp_path: Path, name: str
) -> None:
    body = json.loads((shared / f"sns/{name}.json").read_text())
    shelf = CertificateShelf(tmp_path / "certificates")
    shelf.save(body["SigningCertURL"], (shared / "sns" / REAL_CERTIFICATE).read_bytes())
    text = (
        '[server]\nlisten = "127.0.0.1:0"\nadmin = false\n[sns]\nverify_chain = false\nauto_confirm = false\n'
        f'topics = ["{body["TopicArn"]}"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
    )
    moment = parse_time(body["Timestamp"]) or 0.0
    router = await start_router(text, clock=lambda: moment)
    async with aiohttp.ClientSession() as client:
        async with client.post(router.url, json=body) as answer:
            assert answer.status == 200, await answer.text()
        for field in ("Message", "MessageId", "Timestamp", "TopicArn", "Signature", "SigningCertURL"):
            spoiled = body | {field: body[field][:-1] + ("A" if body[field][-1] != "A" else "B")}
            async with client.post(router.url, json=spoiled) as answer:
                assert answer.status in {400, 403}, (field, await answer.text())


async def test_a_failing_destination_gets_the_delivery_later_and_each_attempt_is_kept(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    sink.behave(Behaviour(status=500, body="come back"), times=2)
    handler = forward_to("erp", 'retry = { attempts = 5, first = "10ms", most = "20ms" }')
    router = await start_router(write_rules(handler + CATCH_ALL))
    await sns.publish(router.url, order())
    await sink.wait_for(1)
    (delivery,) = await until(lambda: router.inbox.deliveries(DeliveryFilter(states=(State.DONE,))))
    attempts = await router.inbox.attempts(delivery.id)
    assert [(each.outcome, each.status) for each in attempts] == [("retry", 500), ("retry", 500), ("done", 200)]
    assert attempts[0].response == b"come back"


async def test_what_waits_at_a_stop_is_delivered_after_the_next_start(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    sink.behave(Behaviour(hang=True))
    text = write_rules(forward_to() + CATCH_ALL, server='stop_grace = "100ms"')
    router = await start_router(text)
    for number in range(5):
        await sns.publish(router.url, order(f"903-{number}"))
    await until(lambda: answered(sink.attempts >= 1))
    await router.stop()
    sink.behave(Behaviour())
    await start_router(text)
    await sink.wait_for(5)


async def test_a_reload_takes_new_rules_in_and_a_bad_file_changes_nothing(
    start_router: Any,
    write_rules: Any,
    forward_to: Any,
    sns: SimulatedSns,
    sink: Sink,
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = await start_router(write_rules(forward_to("erp") + CATCH_ALL))
    router.rules.write_text(write_rules(forward_to("crm") + CATCH_ALL.replace("erp", "crm")))
    await router.daemon.reload(router.parts)
    await sns.publish(router.url, order())
    await sink.wait_for(1)
    router.rules.write_text(write_rules(forward_to("wms") + CATCH_ALL.replace('"erp"', '"wsm"')))
    await router.daemon.reload(router.parts)
    await sns.publish(router.url, order())
    await sink.wait_for(2)
    assert [arrival.path for arrival in sink.arrivals] == ["/crm", "/crm"]
    refusal = next(record for record in caplog.records if record.getMessage() == "reload_refused")
    assert 'did you mean "wms"' in refusal.facts["error"]  # type: ignore[attr-defined]


def facts(caplog: pytest.LogCaptureFixture, event: str, name: str) -> list[Any]:
    """A fact of each event of a name in the log."""
    return [record.facts[name] for record in caplog.records if record.getMessage() == event]  # type: ignore[attr-defined]


async def test_a_reload_says_what_waits_for_a_restart_until_it_is_as_it_was(
    start_router: Any, write_rules: Any, forward_to: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def said() -> list[str]:
        found = facts(caplog, "restart_needed", "section")
        caplog.clear()
        return found

    text = write_rules(forward_to("erp") + CATCH_ALL)
    router = await start_router(text)
    for changed in (text.replace("[inbox]", '[inbox]\nretention = "3d"'), None, text):
        if changed is not None:
            router.rules.write_text(changed)
        await router.daemon.reload(router.parts)
        assert said() == ([] if changed == text else ["inbox"])


async def test_a_reload_that_cannot_check_the_chain_yet_says_so(
    start_router: Any, write_rules: Any, forward_to: Any, caplog: pytest.LogCaptureFixture
) -> None:
    text = write_rules(forward_to("erp") + CATCH_ALL)
    router = await start_router(text)
    caplog.clear()
    router.rules.write_text(text.replace("[sns]", '[sns]\nverify_chain = false\ncertificates = "elsewhere"'))
    await router.daemon.reload(router.parts)
    assert facts(caplog, "restart_needed", "section") == ["sns.verify_chain", "sns.certificates"]


async def test_a_reload_warns_of_what_it_takes_in(
    start_router: Any, write_rules: Any, forward_to: Any, caplog: pytest.LogCaptureFixture
) -> None:
    text = write_rules(forward_to("erp") + CATCH_ALL)
    router = await start_router(text)
    caplog.clear()
    more = '[[sns.signers]]\nurl = "http://127.0.0.1:4566/"\n\n[handlers.idle]\ntype = "log"\n'
    router.rules.write_text(f"{text}\n{more}")
    await router.daemon.reload(router.parts)
    believed = facts(caplog, "stand_in_signer_believed", "url")
    assert "http://127.0.0.1:4566/" in believed
    warned = [record.facts["finding"] for record in caplog.records if record.getMessage() == "rules_file_warning"]  # type: ignore[attr-defined]
    assert any("no rule leads to it" in each for each in warned)


async def test_a_reload_while_the_inbox_is_locked_changes_nothing(
    start_router: Any,
    write_rules: Any,
    forward_to: Any,
    sns: SimulatedSns,
    sink: Sink,
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = await start_router(write_rules(forward_to("erp") + CATCH_ALL))
    router.rules.write_text(write_rules(forward_to("crm") + CATCH_ALL.replace("erp", "crm")))
    with closing(sqlite3.connect(router.inbox.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await router.daemon.reload(router.parts)
        other.execute("ROLLBACK")
    refusal = next(record for record in caplog.records if record.getMessage() == "reload_refused")
    assert "lock" in refusal.facts["error"]  # type: ignore[attr-defined]
    await sns.publish(router.url, order())
    await sink.wait_for(1)
    assert [arrival.path for arrival in sink.arrivals] == ["/erp"]


async def test_a_dead_delivery_is_an_event_that_rules_route_and_none_can_loop(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    sink.behave(Behaviour(status=410))
    alarm = '[[rules]]\nname = "alarm"\nmatch.type = ["router.delivery_dead"]\nhandlers = ["pager"]\n'
    orders = '[[rules]]\nname = "orders"\nmatch.type = ["ORDER_CHANGE"]\nhandlers = ["erp"]\n'
    router = await start_router(write_rules(forward_to("erp") + forward_to("pager") + orders + alarm))
    await sns.publish(router.url, order())
    dead = await until(lambda: two(router.inbox.deliveries(DeliveryFilter(states=(State.DEAD,)))))
    assert {delivery.rule for delivery in dead} == {"orders", "alarm"}
    events = await router.inbox.notifications(NotificationFilter(type="router.delivery_dead"))
    assert len(events) == 1
    document = read_stored(events[0].body, events[0].part).document
    assert document["payload"]["handler"] == "erp"


async def test_what_no_rule_matches_is_kept_and_counted_as_unrouted(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns
) -> None:
    rule = '[[rules]]\nname = "offers"\nmatch.type = ["ANY_OFFER_CHANGED"]\nhandlers = ["erp"]\n'
    router = await start_router(write_rules(forward_to() + rule))
    await sns.publish(router.url, order())
    (row,) = await router.inbox.notifications(NotificationFilter(unrouted=True, type="ORDER_CHANGE"))
    assert row.type == "ORDER_CHANGE"
    async with aiohttp.ClientSession() as client, client.get(f"{router.admin}/metrics") as answer:
        text = await answer.text()
    assert 'spapi_router_unrouted_total{type="ORDER_CHANGE"} 1.0' in text


async def test_a_key_that_cannot_be_rendered_makes_the_delivery_dead_with_its_reason(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns
) -> None:
    rule = CATCH_ALL + 'key = "{payload.OrderChangeNotification.AmazonOrderid}"\n'
    router = await start_router(write_rules(forward_to() + rule))
    await sns.publish(router.url, order())
    (delivery,) = await router.inbox.deliveries(DeliveryFilter(rule="all", type="ORDER_CHANGE"))
    assert delivery.state == State.DEAD
    assert "AmazonOrderid" in delivery.reason
    assert "AmazonOrderId" in delivery.reason


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_delivery_that_is_dead_at_once_is_told_as_any_other(
    start_router: Any,
    write_rules: Any,
    forward_to: Any,
    sns: SimulatedSns,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    sealed: bool,
) -> None:
    monkeypatch.setenv("INBOX_KEY", base64.b64encode(bytes(32)).decode())
    privacy = '[privacy]\nencrypt = { key = { env = "INBOX_KEY" } }\n' if sealed else ""
    rule = CATCH_ALL + 'key = "{payload.OrderChangeNotification.AmazonOrderid}"\n'
    alarm = '[[rules]]\nname = "alarm"\nmatch.type = ["router.delivery_dead"]\nhandlers = ["erp"]\n'
    router = await start_router(write_rules(forward_to() + rule + alarm + privacy))
    await sns.publish(router.url, order())
    (told,) = await until(lambda: router.inbox.notifications(NotificationFilter(type="router.delivery_dead")))
    payload = read_stored(told.body, 0).document["payload"]
    assert (payload["delivery_id"], payload["handler"], payload["rule"], payload["attempt"]) == (1, "erp", "all", 0)
    assert "AmazonOrderid" in payload["reason"]
    (said,) = [record for record in caplog.records if record.getMessage() == "delivery_dead"]
    assert said.levelname == "ERROR"
    assert (
        b'spapi_router_deliveries_total{handler="erp",state="dead"} 1.0'
        in router.parts.instruments.metrics.exposition()
    )


async def until(look: Callable[[], Any], within: float = 10.0) -> Any:
    """What `look` gives once it is true."""
    async with asyncio.timeout(within):
        while not (found := await look()):
            await asyncio.sleep(0.01)
    return found


async def answered(value: bool) -> bool:
    return value


async def two(rows: Any) -> Any:
    found = await rows
    return found if len(found) == 2 else None
