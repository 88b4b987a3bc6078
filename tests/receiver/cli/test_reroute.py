"""`inbox reroute`: what kept notifications lack by the rules of today, shown and added, also beside a daemon."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.cli import cli
from receiver.errors import RouterError
from receiver.inbox import DeliveryFilter, DeliveryRow, Entry, Route, SqliteInbox
from receiver.internal import internal_body
from receiver.notification import read_stored
from receiver.simulators.sns import SimulatedSns

LEAST = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
HANDLERS = '[handlers.erp]\ntype = "log"\n[handlers.crm]\ntype = "log"\n'
ORDERS = (
    '[[rules]]\nname = "orders"\nmatch.type = ["ORDER_CHANGE"]\nhandlers = ["erp"]\nkey = "{payload.AmazonOrderId}"\n'
)
COPY = '[[rules]]\nname = "copy"\nmatch.type = ["ORDER_CHANGE"]\nhandlers = ["crm"]\n'
RECEIVED = 1_772_827_300.0

Work = Callable[[SqliteInbox], Coroutine[Any, Any, Any]]


def entry(name: str, type_: str, *routes: Route, at: float = RECEIVED) -> Entry:
    inner = {
        "NotificationType": type_,
        "Payload": {"AmazonOrderId": name},
        "NotificationMetadata": {"NotificationId": name},
    }
    body = {
        "Message": json.dumps(inner),
        "MessageId": f"m-{name}",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:sp-api",
        "Timestamp": "2026-03-06T20:00:27.000Z",
    }
    text = json.dumps(body).encode()
    return Entry(read_stored(text, 0), routes, text, at)


def with_inbox(directory: Path, work: Work) -> Any:
    async def run() -> Any:
        inbox = await SqliteInbox.open(directory / "inbox.db")
        try:
            return await work(inbox)
        finally:
            await inbox.close()

    return asyncio.run(run())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with rules and an inbox of three notifications, two of them unrouted."""
    (tmp_path / "rules.toml").write_text(LEAST + HANDLERS + ORDERS + COPY)

    async def fill(inbox: SqliteInbox) -> None:
        await inbox.accept([entry("1", "ORDER_CHANGE", Route("orders", "erp", key="1"))])
        await inbox.accept([entry("2", "ORDER_CHANGE", at=RECEIVED + 60)])
        await inbox.accept([entry("3", "ANY_OFFER_CHANGED", at=RECEIVED + 120)])

    with_inbox(tmp_path, fill)
    return tmp_path


def reroute(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["inbox", "reroute", "--config", str(directory / "rules.toml"), *arguments])


def deliveries(directory: Path) -> set[tuple[int, str, str, str | None]]:
    rows: list[DeliveryRow] = with_inbox(directory, lambda inbox: inbox.deliveries(DeliveryFilter()))
    return {(row.notification_id, row.rule, row.handler, row.key) for row in rows}


BEFORE = {(1, "orders", "erp", "1")}


def test_a_dry_run_shows_what_would_be_added_in_the_order_of_arrival_and_changes_nothing(directory: Path) -> None:
    result = reroute(directory, "--since", "2026-03-01T00:00:00Z")
    assert result.output.splitlines() == [
        "1  ORDER_CHANGE",
        "    + copy -> crm",
        "2  ORDER_CHANGE",
        "    + orders -> erp, key 2",
        "    + copy -> crm",
        "3 notifications looked at, 3 deliveries would be added: --yes adds them",
    ]
    assert deliveries(directory) == BEFORE


def test_yes_adds_them_once(directory: Path) -> None:
    assert "3 notifications looked at, 3 deliveries added" in reroute(directory, "1", "2", "3", "--yes").output
    after = BEFORE | {(1, "copy", "crm", None), (2, "orders", "erp", "2"), (2, "copy", "crm", None)}
    assert deliveries(directory) == after
    assert reroute(directory, "1", "2", "3", "--yes").output == "3 notifications looked at, 0 deliveries added\n"
    assert deliveries(directory) == after


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--unrouted"], [2]),
        (["--type", "OrderChange"], [1, 2]),
        (["--type", "ANY_OFFER_CHANGED"], []),
        (["--until", "2026-03-06T20:01:41Z"], [1]),
        (["--since", "2026-03-06T20:01:41Z"], [2]),
        (["2", "1"], [1, 2]),
    ],
)
def test_which_notifications_are_looked_at(directory: Path, arguments: list[str], ids: list[int]) -> None:
    result = reroute(directory, "--json", *arguments)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["id"] for record in records] == ids
    assert all(record["added"] is False and record["error"] is None for record in records)
    assert "looked at" in result.stderr


def test_json_names_each_delivery(directory: Path) -> None:
    (line,) = reroute(directory, "--json", "--yes", "2").stdout.splitlines()
    assert json.loads(line) == {
        "id": 2,
        "type": "ORDER_CHANGE",
        "deliveries": [
            {"rule": "orders", "handler": "erp", "key": "2", "dead": None},
            {"rule": "copy", "handler": "crm", "key": None, "dead": None},
        ],
        "added": True,
        "error": None,
    }


def test_a_key_that_cannot_be_rendered_is_told_before(directory: Path) -> None:
    rules = directory / "rules.toml"
    rules.write_text(rules.read_text().replace("AmazonOrderId", "OrderId"))
    assert "+ orders -> erp, dead at once: " in reroute(directory, "2").output


def test_a_message_that_cannot_be_read_does_not_hold_up_the_others(directory: Path) -> None:
    async def spoil(inbox: SqliteInbox) -> None:
        broken = entry("4", "ORDER_CHANGE")
        await inbox.accept([Entry(broken.notification, (), b"{}", RECEIVED)])
        await inbox.accept([entry("5", "ORDER_CHANGE")])

    with_inbox(directory, spoil)
    output = reroute(directory, "--unrouted", "--yes").output
    assert "4  ORDER_CHANGE\n    not matched: its message cannot be read: KeyError" in output
    assert (5, "copy", "crm", None) in deliveries(directory)


def test_the_daemons_own_notifications_go_only_where_they_are_asked_for(directory: Path) -> None:
    async def fill(inbox: SqliteInbox) -> None:
        body = internal_body("router.unrouted", {"type": "X"}, RECEIVED)
        await inbox.accept([Entry(read_stored(body, 0), (), body, RECEIVED)])

    with_inbox(directory, fill)
    rules = directory / "rules.toml"
    rules.write_text(LEAST + HANDLERS + '[[rules]]\nname = "all"\nhandlers = ["erp"]\n')
    assert "0 deliveries would be added\n" in reroute(directory, "4").output
    rules.write_text(
        LEAST + HANDLERS + '[[rules]]\nname = "alarm"\nmatch.type = [{ prefix = "router." }]\nhandlers = ["crm"]\n'
    )
    assert "+ alarm -> crm" in reroute(directory, "4").output


def test_an_unknown_notification_stops_it_before_anything_is_done(directory: Path) -> None:
    result = reroute(directory, "--yes", "1", "98", "99")
    assert isinstance(result.exception, RouterError)
    assert "no notification 98, 99" in str(result.exception)
    assert deliveries(directory) == BEFORE


@pytest.mark.parametrize("arguments", [[], ["--yes"], ["1", "--unrouted"], ["1", "--since", "7d"]])
def test_notifications_are_named_or_chosen(directory: Path, arguments: list[str]) -> None:
    result = reroute(directory, *arguments)
    assert result.exit_code == 2
    assert "by ID, or choose" in result.output


async def test_a_running_daemon_takes_up_what_is_added(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Any
) -> None:
    router = await start_router(write_rules(forward_to()))
    assert (await sns.publish(router.url, {"NotificationType": "ORDER_CHANGE", "Payload": {}})).status == 200
    router.rules.write_text(write_rules(forward_to() + '[[rules]]\nname = "all"\nhandlers = ["erp"]\n'))
    result = await asyncio.to_thread(reroute, router.rules.parent, "--unrouted", "--yes")
    assert "1 notification looked at, 1 delivery added" in result.output
    await sink.wait_for(1)
