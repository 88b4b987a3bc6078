"""The commands over the inbox: what was received, what became of it, and repairing it."""

import asyncio
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from receiver.cli import cli
from receiver.errors import ConfigError, InboxError, RouterError
from receiver.inbox import Child, DeliveryFilter, Entry, Route, SqliteInbox, State
from receiver.inbox.store import Result as Run
from receiver.notification import Envelope, read

Work = Callable[[SqliteInbox], Coroutine[Any, Any, Any]]
SUMMARY = {"AmazonOrderId": "902-1", "SellerId": "A3SELLER", "MarketplaceId": "ATVPDKIKX0DER"}


def _entry(name: str, type_: str, at: float, *routes: Route) -> Entry:
    inner = {
        "NotificationType": type_,
        "PayloadVersion": "1.0",
        "EventTime": "2026-03-06T20:00:26Z",
        "Payload": SUMMARY,
        "NotificationMetadata": {"NotificationId": name},
    }
    outer = {
        "Message": orjson.dumps(inner).decode(),
        "MessageId": f"message-{name}",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:sp-api",
        "Timestamp": "2026-03-06T20:00:27.000Z",
    }
    envelope = Envelope(outer["Message"], outer["MessageId"], outer["TopicArn"], 1_772_827_227.0)
    return Entry(read(envelope)[0], routes, orjson.dumps(outer), at)


async def _fill(inbox: SqliteInbox) -> None:
    """One notification through a chain, one dead, one waiting, one unrouted, a repeat."""
    first = _entry("n1", "ORDER_CHANGE", 1_772_827_300.0, Route("orders", "order", key="902-1"))
    await inbox.accept([first])
    await inbox.accept([_entry("n2", "FEED_PROCESSING_FINISHED", 1_772_827_400.0, Route("feeds", "erp"))])
    await inbox.accept([_entry("n3", "ANY_OFFER_CHANGED", 1_772_827_500.0)])
    await inbox.accept([_entry("n4", "ORDER_CHANGE", 1_772_827_600.0, Route("later", "log\x1b[31m")), first])
    (order,) = await inbox.claim("order", 1, 1_772_827_700.0, 30.0)
    children = (Child("erp", b'{"order": 1}'), Child("audit", b"{}"))
    done = Run(order.id, order.run, State.DONE, 1_772_827_700.0, 1_772_827_700.25, detail="200", children=children)
    await inbox.finish([done])
    for claim in await inbox.claim("erp", 5, 1_772_827_800.0, 30.0):
        answer = {
            "status": 410,
            "detail": "HTTP 410: Gone",
            "response": "längst\x1b[2J 古い\n".encode(),
            "request_id": "r-7",
        }
        await inbox.finish([Run(claim.id, claim.run, State.DEAD, 1_772_827_800.0, 1_772_827_801.0, **answer)])


def _with(path: Path, work: Work) -> Any:
    async def run() -> Any:
        inbox = await SqliteInbox.open(path)
        try:
            return await work(inbox)
        finally:
            await inbox.close()

    return asyncio.run(run())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    _with(tmp_path / "inbox.db", _fill)
    return tmp_path / "inbox.db"


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--database", str(path)])


def records(path: Path, *arguments: str) -> list[dict[str, Any]]:
    result = run(path, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def states(path: Path) -> dict[int, str]:
    return {record["id"]: record["state"] for record in records(path, "deliveries", "list")}


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), [4, 3, 2, 1]),
        (("--type", "OrderChange"), [4, 1]),
        (("--seller", "A3SELLER", "--limit", "2"), [4, 3]),
        (("--seller", "nobody"), []),
        (("--topic", "arn:aws:sns:us-east-1:123456789012:sp-api", "--unrouted"), [3]),
        (("--since", "2026-03-06T20:03:20Z", "--until", "2026-03-06T20:05:00Z"), [2]),
    ],
)
def test_notifications_are_listed(path: Path, options: tuple[str, ...], ids: list[int]) -> None:
    assert [record["id"] for record in records(path, "inbox", "list", *options)] == ids


@pytest.mark.parametrize(
    ("seconds", "shown"), [(253402300800.0, "9999-12-31T23:59:59.000Z"), (-1e300, "0001-01-01T00:00:00.000Z")]
)
def test_a_time_that_no_calendar_has_is_shown_as_the_nearest(path: Path, seconds: float, shown: str) -> None:
    """Older versions kept what a message said."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE notifications SET event_time = ?", (seconds,))
        connection.execute("UPDATE deliveries SET event_time = ?", (seconds,))
    assert {record["event_time"] for record in records(path, "inbox", "list")} == {shown}
    assert {record["event_time"] for record in records(path, "deliveries", "list")} == {shown}
    for arguments in (("inbox", "show", "1"), ("deliveries", "show", "1"), ("inbox", "export"), ("inbox", "list")):
        result = run(path, *arguments)
        assert result.exit_code == 0, result.output
        assert arguments == ("inbox", "list") or shown in result.stdout


@pytest.mark.parametrize("given", [str(1 << 63), "-2", "msg_5f89735e56fe2a14", "c8812b37-e26e-4d2b-a59c-8fcf17d36a2f"])
@pytest.mark.parametrize(
    ("arguments", "named", "found"),
    [
        (("inbox", "show"), "ID", "inbox list"),
        (("inbox", "export", "--after"), "--after", "inbox list"),
        (("inbox", "reroute"), "[ID]...", "inbox list"),
        (("deliveries", "show"), "ID", "deliveries list"),
        (("deliveries", "replay", "--yes"), "[ID]...", "deliveries list"),
        (("deliveries", "cancel", "--yes"), "[ID]...", "deliveries list"),
        (("explain", "--inbox"), "--inbox", "inbox list"),
    ],
)
def test_what_no_row_can_be_called_is_wrong_usage_that_says_what_an_id_is(
    path: Path, arguments: tuple[str, ...], named: str, found: str, given: str
) -> None:
    rules = path.with_name("rules.toml")
    rules.write_text(
        '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:a"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
    )
    words = [*arguments, given] if arguments[-1].startswith("--a") or arguments[0] == "explain" else []
    words = words or [*arguments, "--config", str(rules), "--", given]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2, result.exception
    assert f"Invalid value for '{named}': '{given}' is not the id of " in result.stderr
    assert f"a number like 42: `spapi-router {found}` shows them" in result.stderr


def test_the_table_of_notifications(path: Path) -> None:
    lines = run(path, "inbox", "list").stdout.splitlines()
    assert lines[0].split()[:4] == ["ID", "RECEIVED_AT", "TYPE", "SELLER_ID"]
    assert "unrouted" in lines[2]
    assert lines[4].endswith(" 1 waiting, 1 done, 1 dead")
    nothing = run(path, "inbox", "list", "--type", "NEVER")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no notification" in nothing.stderr


@pytest.mark.parametrize(("group", "what"), [("inbox", "notification"), ("deliveries", "delivery")])
def test_an_inbox_that_holds_nothing_is_told_from_a_filter_that_finds_nothing(
    tmp_path: Path, group: str, what: str
) -> None:
    async def nothing(_inbox: SqliteInbox) -> None:
        return None

    path = tmp_path / "new.db"
    _with(path, nothing)
    assert run(path, group, "list").stderr == f"{path} holds no {what}\n"
    assert run(path, group, "list", "--type", "X").stderr == f"no {what} is like that\n"


def test_a_notification_is_shown_with_what_rules_see(path: Path) -> None:
    text = run(path, "inbox", "show", "1").stdout
    for part in ("ORDER_CHANGE", "A3SELLER", "2026-03-06T20:00:26.000Z", "message-n1", '"AmazonOrderId": "902-1"'):
        assert part in text
    (record,) = records(path, "inbox", "show", "1")
    assert (record["repeats"], record["marketplace_id"]) == (1, "ATVPDKIKX0DER")
    assert [each["handler"] for each in record["deliveries"]] == ["order", "erp", "audit"]
    assert json.loads(record["body"])["MessageId"] == "message-n1"


def test_stats(path: Path) -> None:
    (record,) = records(path, "inbox", "stats")
    assert record["notifications"] == 4
    assert record["unrouted"] == {"ANY_OFFER_CHANGED": 1}
    assert record["deliveries"]["erp"] == {"dead": 2}
    assert record["oldest_open_seconds"].keys() == {"audit", "log\x1b[31m"}
    text = run(path, "inbox", "stats").stdout
    assert "4 notifications" in text
    assert re.search(r"\naudit +1 +0 +0 +0 +0 +0 +\d+d\n", text)
    assert "\x1b" not in text


def test_prune_deletes_what_is_old_and_ended(path: Path) -> None:
    assert run(path, "inbox", "prune").exit_code == 2
    assert run(path, "inbox", "prune", "--before", "2026-03-06T20:00:00Z").stdout == "0 notifications deleted\n"
    assert run(path, "inbox", "prune", "--before", "1h").stdout == "2 notifications deleted\n"
    assert [record["id"] for record in records(path, "inbox", "list")] == [4, 1]
    (record,) = records(path, "inbox", "prune", "--before", "2026-03-06T20:00:00Z", "--yes")
    assert record == {"before": "2026-03-06T20:00:00.000Z", "deleted": 0}


@pytest.mark.parametrize(
    ("arguments", "answer", "status", "kept"),
    [(("--yes",), b"", 0, [4, 1]), ((), b"n\n", 1, [4, 3, 2, 1]), ((), b"y\n", 0, [4, 1])],
)
def test_prune_asks_on_a_terminal(
    path: Path, root: Path, arguments: tuple[str, ...], answer: bytes, status: int, kept: list[int]
) -> None:
    ours, theirs = pty.openpty()
    words = ["inbox", "prune", "--before", "2026-03-07T00:00:00Z", "--database", str(path), *arguments]
    with subprocess.Popen(
        [sys.executable, "-c", "from receiver.cli import main; main()", *words],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, answer)
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == status
    asked = b"Delete 2 notifications received before 2026-03-07T00:00:00.000Z, with deliveries and attempts? [y/N]: "
    assert (asked in err) == bool(answer)
    assert out == (b"" if status else b"2 notifications deleted\n")
    assert [record["id"] for record in records(path, "inbox", "list")] == kept


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), [5, 4, 3, 2, 1]),
        (("--state", "dead"), [4, 2]),
        (("--state", "dead", "--state", "done"), [4, 2, 1]),
        (("--rule", "feeds"), [2]),
        (("--handler", "erp", "--type", "ORDER_CHANGE"), [4]),
        (("--key", "902-1"), [5, 4, 1]),
        (("--until", "2026-03-06T20:02:00Z"), [1]),
        (("--since", "2026-03-06T20:08:20Z", "--limit", "1"), [5]),
    ],
)
def test_deliveries_are_listed(path: Path, options: tuple[str, ...], ids: list[int]) -> None:
    assert [record["id"] for record in records(path, "deliveries", "list", *options)] == ids


def test_a_delivery_is_shown_with_its_attempts_and_its_chain(path: Path) -> None:
    result = run(path, "deliveries", "show", "4")
    lines = result.stdout.splitlines()
    assert lines[0] == "delivery 4"
    assert any(line.split()[:1] == ["1"] and "HTTP 410: Gone" in line and "r-7" in line for line in lines)
    assert lines[-3:] == [
        "1 order done: 200",
        "├─ 4 erp dead: HTTP 410: Gone  <- this one",
        "└─ 5 audit waiting",
    ]
    assert "last answer: längst\\x1b[2J 古い\\n" in lines
    assert "\x1b" not in result.stdout
    (record,) = records(path, "deliveries", "show", "5")
    assert [child["id"] for child in record["chain"]["then"]] == [4, 5]
    (record,) = records(path, "deliveries", "show", "4")
    assert record["history"][0]["status"] == 410
    assert record["history"][0]["seconds"] == 1.0


def test_replay_counts_first_and_does_it_when_told(path: Path) -> None:
    dry = run(path, "deliveries", "replay")
    assert dry.stdout == "2 deliveries would be replayed (2 dead); add --yes to do it\n"
    assert states(path)[2] == "dead"
    assert (
        run(path, "deliveries", "replay", "--handler", "erp", "--rate", "1/m", "--yes").stdout
        == "2 deliveries replayed\n"
    )
    found = {record["id"]: record for record in records(path, "deliveries", "list", "--state", "waiting")}
    assert {2, 4} <= found.keys()
    assert (found[2]["attempts"], found[2]["reason"]) == (0, "")
    assert found[4]["due_at"] > found[2]["due_at"]
    assert run(path, "deliveries", "replay", "--yes").stdout == "there is nothing to replay\n"


def test_replay_of_named_ones_and_of_other_states(path: Path) -> None:
    assert run(path, "deliveries", "replay", "1", "--yes").stdout == "1 delivery replayed\n"
    assert states(path)[1] == "waiting"
    missing = run(path, "deliveries", "replay", "2", "5", "77", "77", "4", "--rule", "feeds")
    assert missing.exit_code == 1
    assert missing.stderr == (
        "3 of the named deliveries cannot be replayed: "
        "4 is none that the options choose, 5 is waiting, 77 is not in the inbox\n"
    )
    assert missing.stdout == "1 delivery would be replayed (1 dead); add --yes to do it\n"
    wrong = run(path, "deliveries", "replay", "--state", "waiting")
    assert wrong.exit_code == 2
    assert "--state waiting is not one of these: done, dead, superseded" in wrong.stderr


def test_repairs_say_what_they_did_as_json(path: Path) -> None:
    assert records(path, "deliveries", "replay") == [{"chosen": {"dead": 2}, "replayed": 0}]
    assert records(path, "deliveries", "replay", "--yes") == [{"chosen": {"dead": 2}, "replayed": 2}]
    assert records(path, "deliveries", "replay", "--yes") == [{"chosen": {}, "replayed": 0}]
    assert records(path, "deliveries", "cancel", "--handler", "erp", "--yes") == [
        {"chosen": {"waiting": 2}, "cancelled": 2}
    ]
    missing = run(path, "deliveries", "cancel", "77", "--json")
    assert (missing.exit_code, json.loads(missing.stdout)) == (1, {"chosen": {}, "cancelled": 0})


def test_cancel_counts_first_and_does_it_when_told(path: Path) -> None:
    assert run(path, "deliveries", "cancel", "--handler", "audit").stdout == (
        "1 delivery would be cancelled (1 waiting); add --yes to do it\n"
    )
    assert run(path, "deliveries", "cancel", "--handler", "audit", "--yes", "--reason", "shop closed").exit_code == 0
    (record,) = records(path, "deliveries", "show", "5")
    assert (record["state"], record["reason"]) == ("dead", "shop closed")
    assert run(path, "deliveries", "cancel", "--state", "done").exit_code == 2


def test_repairs_beside_a_running_daemon(path: Path) -> None:
    async def beside(inbox: SqliteInbox) -> tuple[Result, bool, int]:
        result = await asyncio.to_thread(run, path, "deliveries", "replay", "2", "--yes")
        return result, await inbox.changed_elsewhere(), len(await inbox.claim("erp", 5, 9e9, 30.0))

    result, changed, claimed = _with(path, beside)
    assert result.stdout == "1 delivery replayed\n"
    assert (changed, claimed) == (True, 1)


@pytest.mark.parametrize("group", ["inbox", "deliveries"])
def test_what_is_not_there_is_said(path: Path, tmp_path: Path, group: str) -> None:
    result = run(path, group, "show", "99")
    assert isinstance(result.exception, RouterError)
    assert "99: see `spapi-router" in str(result.exception)
    assert run(path, group, "list", "--since", "yesterday").exit_code == 2
    absent = run(tmp_path / "other.db", group, "list")
    assert isinstance(absent.exception, InboxError)
    assert "there is no inbox at" in str(absent.exception)


def test_the_rules_file_names_the_inbox(path: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
    )
    result = CliRunner().invoke(cli, ["inbox", "list", "--config", str(rules), "--json"])
    assert len(result.stdout.splitlines()) == 4
    result = CliRunner().invoke(cli, ["inbox", "prune", "--config", str(rules)])
    assert result.stdout.endswith("notifications deleted\n")
    result = CliRunner().invoke(cli, ["deliveries", "list", "--config", str(tmp_path / "none.toml")])
    assert isinstance(result.exception, ConfigError)


def test_a_filter_that_is_wrong_changes_nothing(path: Path) -> None:
    async def count(inbox: SqliteInbox) -> dict[State, int]:
        return await inbox.count(DeliveryFilter())

    before = _with(path, count)
    assert run(path, "deliveries", "replay", "--rate", "fast", "--yes").exit_code == 2
    assert run(path, "deliveries", "replay", "--state", "lost", "--yes").exit_code == 2
    assert run(path, "deliveries", "cancel", "x", "--yes").exit_code == 2
    assert _with(path, count) == before


def test_what_is_nested_deeper_than_orjson_writes_is_shown(path: Path) -> None:
    outer = {"Message": "[" * 300 + "7" + "]" * 300, "MessageId": "m-deep", "TopicArn": "a:b:c:d:e:f", "Timestamp": ""}
    envelope = Envelope(outer["Message"], outer["MessageId"], outer["TopicArn"], 1_772_827_227.0)
    _with(path, lambda inbox: inbox.accept([Entry(read(envelope)[0], (), orjson.dumps(outer), 1_772_827_900.0)]))
    (id_,) = [str(record["id"]) for record in records(path, "inbox", "list", "--limit", "1")]
    for arguments in (("inbox", "show", id_), ("inbox", "show", id_, "--json")):
        result = run(path, *arguments)
        assert result.exit_code == 0, result.exception
        assert "m-deep" in result.stdout
        assert "[[[[7]]]]" in result.stdout
