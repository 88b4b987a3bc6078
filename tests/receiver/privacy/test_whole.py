"""The whole daemon under `[privacy]`: what is in its files, what arrives, and what people see of it."""

import asyncio
import json
import os
import pickle
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from click.testing import CliRunner

from receiver.cli import cli
from receiver.config import load
from receiver.errors import InboxError
from receiver.explanation import Explainer
from receiver.inbox import DeliveryFilter, State
from receiver.inbox.search import Search, Searcher
from receiver.inbox.vacuum import vacuum
from receiver.privacy import FieldPath, Fields, Protection, Redaction, Seal
from receiver.privacy.opening import alike, reveal_of
from receiver.privacy.wiping import empty_log
from receiver.retention import Retention
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns

CODE = "48110-7777"
BUYER = "Ann Example"
SKU = "SKU-RED-42"
PATH = "payload.OrderChangeNotification.Summary.DestinationPostalCode"
RULE = '[[rules]]\nname = "orders"\nmatch.type = ["ORDER_CHANGE"]\nhandlers = ["crm"]\n'
ENCRYPT = '[privacy]\nencrypt = { key = { env = "INBOX_KEY" } }\n'


def order(number: int = 1) -> dict[str, Any]:
    summary = {"DestinationPostalCode": CODE, "OrderStatus": "Unshipped", "Items": [{"SellerSKU": SKU}]}
    notification = {"SellerId": "A3TH9S8BH6GOGM", "AmazonOrderId": f"903-0000000-{number:07}", "Summary": summary}
    return {
        "NotificationType": "ORDER_CHANGE",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": notification},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


@pytest.fixture
def rules(sink: Sink, write_rules: Callable[..., str], forward_to: Callable[..., str]) -> Callable[..., str]:
    """A chain of two webhooks, of which the first answers with a buyer."""
    sink.behave(Behaviour(body=json.dumps({"order": {"id": 7, "buyer": {"name": BUYER}}})))

    def write(privacy: str, crm: str = "") -> str:
        return write_rules(privacy + forward_to("crm", f'then = ["erp"]\n{crm}') + forward_to("erp") + RULE)

    return write


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of the inbox, in the environment."""
    text = os.urandom(32).hex()
    monkeypatch.setenv("INBOX_KEY", text)
    return text


def found(folder: Path, text: str) -> list[str]:
    """The inbox's files that hold a text, by the bytes on disk."""
    files = sorted(folder.glob("inbox.db*"))
    assert files
    return [file.name for file in files if text.encode() in file.read_bytes()]


async def until(rows: Callable[[], Awaitable[list[Any]]], count: int) -> None:
    """Wait until there are so many."""
    async with asyncio.timeout(20):
        while len(await rows()) < count:
            await asyncio.sleep(0.02)


def arrived(sink: Sink, path: str) -> list[Any]:
    return [json.loads(each.body) for each in sink.arrivals if each.path == f"/{path}"]


async def push(router: Any, sns: SimulatedSns, message: dict[str, Any]) -> str:
    answer = await sns.publish(router.url, message)
    assert answer.status == 200
    return str(answer.text)


async def ended(start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink) -> Any:
    """A router that has kept an order encrypted, delivered all, and stopped."""
    router = await start_router(rules(ENCRYPT))
    await push(router, sns, order())
    await sink.wait_for(2)
    await router.stop()
    return router


REDACT = f'[privacy]\ndrop = ["{PATH}"]\n[privacy.results.crm]\nmask = ["order.buyer"]\n'
REDACT += '[privacy.results.erp]\ndrop = ["order"]\n'


async def test_what_is_named_is_nowhere(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    router = await start_router(rules(REDACT))
    assert await push(router, sns, order()) == "accepted"
    await sink.wait_for(2)
    await router.stop()
    assert found(tmp_path, CODE) == []
    assert found(tmp_path, BUYER) == []
    assert found(tmp_path, SKU), "what is not named stays"
    (crm,), (erp,) = arrived(sink, "crm"), arrived(sink, "erp")
    assert "DestinationPostalCode" not in json.dumps(crm)
    assert erp == {"order": {"id": 7, "buyer": {"name": "***"}}}
    assert CODE not in caplog.text
    assert BUYER not in caplog.text


async def test_repeats_are_known_though_what_is_kept_differs(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink
) -> None:
    router = await start_router(rules(f'{ENCRYPT}drop = ["{PATH}"]\n'))
    message = order()
    assert [await push(router, sns, message) for _ in range(3)] == ["accepted", "duplicate", "duplicate"]
    await sink.wait_for(2)
    assert sink.duplicates == 0


async def test_a_rule_sees_what_is_kept(
    start_router: Any, write_rules: Any, sns: SimulatedSns, forward_to: Any
) -> None:
    match = f'match.{PATH} = ["{CODE}"]\n'
    text = forward_to() + f'[[rules]]\nname = "a"\n{match}handlers = ["erp"]\n'
    router = await start_router(write_rules(f'[privacy]\nmask = ["{PATH}"]\n' + text))
    await push(router, sns, order())
    assert (await router.inbox.stats()).unrouted == {"ORDER_CHANGE": 1}


async def test_encrypted_nothing_is_readable_on_disk_and_all_arrives_whole(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, tmp_path: Path
) -> None:
    router = await start_router(rules(ENCRYPT))
    message = order()
    await push(router, sns, message)
    await sink.wait_for(2)
    (crm,), (erp,) = arrived(sink, "crm"), arrived(sink, "erp")
    assert CODE in json.dumps(crm)
    assert erp["order"]["buyer"] == {"name": BUYER}
    row = await router.inbox.notification(1)
    assert CODE in row.body.decode()
    (attempt,) = await router.inbox.attempts(1)
    assert (attempt.detail, json.loads(attempt.response)["order"]["id"]) == ("200 OK", 7)
    child = await router.inbox.delivery(2)
    assert BUYER in child.body.decode()
    await router.stop()
    for text in (CODE, BUYER, "DestinationPostalCode", "Signature", "200 OK"):
        assert found(tmp_path, text) == [], text


async def test_a_reason_that_quotes_the_message_is_encrypted_too(
    start_router: Any, write_rules: Any, sns: SimulatedSns, forward_to: Any, tmp_path: Path
) -> None:
    key = f'key = "{{{PATH}|shift=-1h}}"\n'
    text = forward_to() + f'[[rules]]\nname = "a"\n{key}handlers = ["erp"]\n'
    router = await start_router(write_rules(ENCRYPT + text))
    await push(router, sns, order())
    (dead,) = await router.inbox.deliveries(DeliveryFilter(states=(State.DEAD,)))
    assert CODE in dead.reason
    assert found(tmp_path, CODE) == []


async def test_replays_and_searches_work_on_what_is_encrypted(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink
) -> None:
    router = await start_router(rules(ENCRYPT))
    await push(router, sns, order())
    await until(lambda: router.inbox.deliveries(DeliveryFilter(states=(State.DONE,))), 2)
    assert await router.inbox.replay(DeliveryFilter(ids=(2,)), time.time()) == 1
    router.parts.dispatcher.wake(["erp"])
    async with asyncio.timeout(20):
        while len(arrived(sink, "erp")) < 2:
            await asyncio.sleep(0.02)
    assert arrived(sink, "erp")[0] == arrived(sink, "erp")[1]
    reading = alike(router.inbox, router.inbox)
    search = Searcher(reading, reveal_of(router.inbox))
    assert [row.id for row in (await search.find(Search(CODE))).rows] == [1]


async def test_commands_show_it_with_the_key_and_say_so_without(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await ended(start_router, rules, sns, sink)

    def run(*command: str) -> Any:
        return CliRunner().invoke(cli, [*command, "--config", str(router.rules)])

    result = await asyncio.to_thread(run, "inbox", "show", "1")
    assert CODE in result.output
    assert CODE in (await asyncio.to_thread(run, "inbox", "export")).output
    assert "200 OK" in (await asyncio.to_thread(run, "deliveries", "show", "1")).output
    assert "fires" in (await asyncio.to_thread(run, "explain", "--inbox", "1")).output
    monkeypatch.delenv("INBOX_KEY")
    result = await asyncio.to_thread(run, "inbox", "show", "1")
    assert result.exit_code == 0
    assert "what is encrypted cannot be shown: [privacy] encrypt.key: environment variable INBOX_KEY is not set" in (
        result.output
    )
    assert "(cannot be decrypted: it is sealed with key " in result.output
    assert (await asyncio.to_thread(run, "inbox", "list")).exit_code == 0


def test_a_message_is_explained_as_rules_will_see_it(rules: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(rules(f'[privacy]\ndrop = ["{PATH}"]\nmask = ["subject"]\n'))
    sns_message = {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:123456789012:a", "MessageId": "m"}
    for message in (order(), sns_message | {"Message": json.dumps(order()), "Subject": BUYER}):
        (tmp_path / "message.json").write_text(json.dumps(message))
        command = ["explain", str(tmp_path / "message.json"), "--config", str(tmp_path / "rules.toml")]
        output = CliRunner().invoke(cli, command).output
        assert SKU in output
        assert CODE not in output
        assert BUYER not in output


async def test_the_api_and_the_console_explain_what_rules_will_see(
    start_router: Any, rules: Any, sns: SimulatedSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSOLE_TOKEN", token := "c4b1e2a0f6d94bb7a1f0e2")
    settings = f'[privacy]\ndrop = ["{PATH}"]\n[console]\ntoken = {{ env = "CONSOLE_TOKEN" }}\n'
    router = await start_router(rules(settings))
    async with (
        aiohttp.ClientSession(router.admin, headers={"Authorization": f"Bearer {token}"}) as session,
        session.post("/api/v1/explain", json=order()) as answer,
    ):
        said = await answer.text()
    assert SKU in said
    assert CODE not in said
    explained = Explainer(load(router.rules)).explain_text(json.dumps(order()))
    assert CODE not in str(explained[0].notification.document)


async def test_a_missing_key_is_said_at_the_start(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await ended(start_router, rules, sns, sink)
    name = Seal(bytes.fromhex(key)).key
    with pytest.raises(InboxError, match=rf"sealed with key {name}, which the rules file does not name.*under \[priv"):
        await start_router(rules(""))
    monkeypatch.setenv("OLD_KEY", key)
    monkeypatch.setenv("INBOX_KEY", os.urandom(32).hex())
    with pytest.raises(InboxError, match="name it in previous_keys"):
        await start_router(rules(ENCRYPT))
    both = ENCRYPT.replace(" } }", ' }, previous_keys = [{ env = "OLD_KEY" }] }')
    router = await start_router(rules(both))
    assert CODE in (await router.inbox.notification(1)).body.decode()


async def test_a_row_that_does_not_open_stops_nothing_else(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    router = await start_router(rules(ENCRYPT, 'rate = "1/h"'))
    for number in range(3):
        await push(router, sns, order(number))
    await router.stop()
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as database, database:
        (other,) = database.execute("SELECT body FROM bodies WHERE notification_id = 3").fetchone()
        database.execute("UPDATE bodies SET body = ? WHERE notification_id = 2", (other,))
        database.execute("UPDATE deliveries SET due_at = 0")
    router = await start_router(rules(ENCRYPT))
    ended = DeliveryFilter(states=(State.DEAD, State.DONE), handler="crm")
    await until(lambda: router.inbox.deliveries(ended), 3)
    dead = await router.inbox.deliveries(DeliveryFilter(states=(State.DEAD,)))
    assert [(row.notification_id, "cannot be read from the inbox" in row.reason) for row in dead] == [(2, True)]
    assert "kept_data_unreadable" in caplog.text
    assert "moved here" in (await router.inbox.notification(2)).body.decode()


async def test_fields_can_be_named_while_it_runs(start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink) -> None:
    router = await start_router(rules(ENCRYPT))
    await push(router, sns, order())
    router.rules.write_text(rules(f'{ENCRYPT}drop = ["{PATH}"]\n'))
    await router.daemon.reload(router.parts)
    await push(router, sns, order(2))
    await sink.wait_for(4)
    assert CODE in (await router.inbox.notification(1)).body.decode()
    assert CODE not in (await router.inbox.notification(2)).body.decode()
    router.rules.write_text(rules(f'[privacy]\ndrop = ["{PATH}"]\n'))
    await router.daemon.reload(router.parts)
    assert "RELOAD REFUSED" in router.daemon._status()
    assert "holds data sealed with key" in router.daemon._status()


async def test_whether_there_is_privacy_is_settled_at_the_start(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    router = await start_router(rules(""))
    router.rules.write_text(rules(ENCRYPT))
    await router.daemon.reload(router.parts)
    assert "restart_needed" in caplog.text
    await push(router, sns, order())
    await sink.wait_for(2)
    assert CODE in (await router.inbox.notification(1)).body.decode()


async def test_what_retention_deletes_is_gone_from_the_files(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, tmp_path: Path
) -> None:
    router = await start_router(rules(""))
    for number in range(40):
        await push(router, sns, order(number))
    await sink.wait_for(80)
    await until(lambda: router.inbox.deliveries(DeliveryFilter(states=(State.DONE,))), 80)
    assert found(tmp_path, CODE)
    assert found(tmp_path, BUYER)
    wipe_calls: list[bool] = []

    async def wipe() -> bool:
        wipe_calls.append(empty_log(tmp_path / "inbox.db"))
        return wipe_calls[-1]

    late = Retention(router.inbox, 0.0, lambda: time.time() + 86401, wipe)
    assert await late.prune() == 40
    assert wipe_calls == [True]
    for text in (CODE, BUYER, SKU, "DestinationPostalCode"):
        assert found(tmp_path, text) == [], text
    assert await late.prune() == 0
    assert len(wipe_calls) == 1


async def test_what_a_command_prunes_is_gone_from_the_files_too(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, tmp_path: Path
) -> None:
    router = await start_router(rules(""))
    await push(router, sns, order())
    await sink.wait_for(2)
    await until(lambda: router.inbox.deliveries(DeliveryFilter(states=(State.DONE,))), 2)
    prune = ["inbox", "prune", "--before", "0s", "--config", str(router.rules)]
    result = await asyncio.to_thread(CliRunner().invoke, cli, prune)
    assert "1 notifications deleted" in result.output
    assert found(tmp_path, CODE) == found(tmp_path, BUYER) == []


def rotate(router: Any, *options: str) -> Any:
    return CliRunner().invoke(cli, ["inbox", "rotate", *options, "--config", str(router.rules)])


async def test_rotation_seals_all_anew_and_lets_the_old_key_go(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await ended(start_router, rules, sns, sink)
    monkeypatch.setenv("OLD_KEY", key)
    monkeypatch.setenv("INBOX_KEY", os.urandom(32).hex())
    router.rules.write_text(rules(ENCRYPT.replace(" } }", ' }, previous_keys = [{ env = "OLD_KEY" }] }')))
    result = await asyncio.to_thread(rotate, router)
    assert result.exit_code == 0, result.output
    assert "8 values in 5 rows are kept anew; all is sealed with key" in result.output
    assert "0 values in 5 rows are kept anew" in (await asyncio.to_thread(rotate, router)).output
    monkeypatch.delenv("OLD_KEY")
    router = await start_router(rules(ENCRYPT))
    assert CODE in (await router.inbox.notification(1)).body.decode()
    assert BUYER in (await router.inbox.delivery(2)).body.decode()
    assert (await router.inbox.attempts(1))[0].detail == "200 OK"
    assert (await router.inbox.delivery(1)).reason == "200 OK"


async def test_rotation_brings_an_inbox_of_before_under_privacy(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, tmp_path: Path
) -> None:
    router = await start_router(rules(""))
    for number in range(30):
        await push(router, sns, order(number))
    await sink.wait_for(60)
    await router.stop()
    assert found(tmp_path, CODE)
    results = '[privacy.results.crm]\ndrop = ["order.buyer"]\n[privacy.results.erp]\ndrop = ["order"]\n'
    router.rules.write_text(rules(f'{ENCRYPT}drop = ["{PATH}"]\n{results}'))
    result = await asyncio.to_thread(rotate, router)
    assert result.exit_code == 0, result.output
    await asyncio.to_thread(vacuum, tmp_path / "inbox.db")
    for text in (CODE, BUYER, "DestinationPostalCode", "200 OK"):
        assert found(tmp_path, text) == [], text
    router = await start_router(router.rules.read_text())
    row = await router.inbox.notification(1)
    assert CODE not in row.body.decode()
    assert SKU in row.body.decode()
    results = [each.body.decode() for each in await router.inbox.deliveries(DeliveryFilter(handler="erp"))]
    assert results == ['{"order":{"id":7}}'] * 30
    assert await push(router, sns, order(99)) == "accepted"
    await router.stop()
    result = await asyncio.to_thread(rotate, router, "--decrypt")
    assert result.exit_code == 0, result.output
    assert "nothing is encrypted" in result.output
    assert found(tmp_path, SKU)
    router = await start_router(rules(""))
    assert SKU in (await router.inbox.notification(1)).body.decode()


async def test_identifiers_in_fields_named_since_leave_the_index(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, tmp_path: Path
) -> None:
    router = await start_router(rules(""))
    await push(router, sns, order())
    await sink.wait_for(2)
    search = Searcher(router.inbox)
    async with asyncio.timeout(20):
        while await search.indexed() != (1, 1):
            await asyncio.sleep(0.05)
    assert [row.id for row in (await search.find(Search(SKU))).rows] == [1]
    await router.stop()
    items = "payload.OrderChangeNotification.Summary.Items.*.SellerSKU"
    router.rules.write_text(rules(f'[privacy]\ndrop = ["{items}"]\n'))
    result = await asyncio.to_thread(rotate, router)
    assert "1 values in" in result.output
    assert found(tmp_path, SKU) == found(tmp_path, SKU.lower()) == []
    router = await start_router(router.rules.read_text())
    assert (await Searcher(router.inbox).find(Search("903-0000000-0000001"))).rows
    assert not (await Searcher(router.inbox).find(Search(SKU))).rows


async def test_what_a_lost_key_sealed_can_be_given_up(
    start_router: Any, rules: Any, sns: SimulatedSns, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await ended(start_router, rules, sns, sink)
    monkeypatch.setenv("INBOX_KEY", os.urandom(32).hex())
    result = await asyncio.to_thread(rotate, router)
    assert result.exit_code == 1
    assert "do not open: it is sealed with key" in result.output
    with pytest.raises(InboxError):
        await start_router(rules(ENCRYPT))
    assert (await asyncio.to_thread(rotate, router, "--lost")).exit_code == 0
    router = await start_router(rules(ENCRYPT))
    assert "cannot be decrypted" in (await router.inbox.notification(1)).body.decode()
    assert await push(router, sns, order(2)) == "accepted"


async def test_rotation_without_privacy_says_so(start_router: Any, rules: Any) -> None:
    router = await start_router(rules(""))
    result = await asyncio.to_thread(rotate, router)
    assert "has no [privacy]" in str(result.exception)


async def test_decrypting_beside_the_daemon_is_refused(start_router: Any, rules: Any) -> None:
    router = await start_router(rules(ENCRYPT))
    result = await asyncio.to_thread(rotate, router, "--decrypt")
    assert "the daemon runs" in str(result.exception)


def test_a_protection_goes_to_the_process_that_writes() -> None:
    fields = Fields((FieldPath.parse(PATH),), (FieldPath.parse("subject"),))
    protection = Protection(Redaction(fields, {"A": fields}, {"crm": fields}), Seal(bytes(32)))
    other = pickle.loads(pickle.dumps(protection))
    assert other.seal.key == protection.seal.key
    assert other.redaction.fields_of("A") == protection.redaction.fields_of("A")
