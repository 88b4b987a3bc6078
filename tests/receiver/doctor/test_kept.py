"""What the inbox tells: subscriptions, its own state, deliveries that do not go out."""

import json
import os
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.dispatcher.breaker import BreakerState, Phase
from receiver.doctor import Verdict
from receiver.doctor.database import quick_check
from receiver.doctor.disk import judged
from receiver.inbox import Entry, Result, Route, SqliteInbox, State, Subscription
from receiver.notification import read_stored
from tests.receiver.doctor.conftest import Look, only

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-orders"
STRANGER = "arn:aws:sns:us-east-1:123456789012:other"
RULES = (
    '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
    '[handlers.erp]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["erp"]\n'
)


def write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    """The inbox, as the daemon holds it."""
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    yield inbox
    await inbox.close()


def entry(*routes: Route, name: str = "1", type_: str = "ORDER_CHANGE", topic: str = TOPIC, at: float = 0) -> Entry:
    inner = {"NotificationType": type_, "Payload": {}, "NotificationMetadata": {"NotificationId": name}}
    body = {"Message": json.dumps(inner), "MessageId": name, "TopicArn": topic, "Timestamp": "2026-01-01T00:00:00Z"}
    text = json.dumps(body).encode()
    return Entry(read_stored(text, 0), routes, text, at or time.time())


async def ended(inbox: SqliteInbox, state: State, detail: str, now: float) -> None:
    (claim,) = await inbox.claim("erp", 1, now, 30)
    due = now + 3600 if state is State.WAITING else None
    await inbox.finish([Result(claim.id, claim.run, state, now, now, due_at=due, detail=detail)])


async def test_a_topic_that_nothing_is_subscribed_to(rules: Path, inbox: SqliteInbox, look: Look) -> None:
    found = only((await look(rules))["subscriptions"], Verdict.FINDING)
    assert "sp-api-*" in found.detail
    assert "aws sns subscribe" in found.cure
    await inbox.save_subscription(Subscription(TOPIC, f"{TOPIC}:1", "confirmed", 1.0))
    only((await look(rules))["subscriptions"], Verdict.OK)


async def test_what_arrives_proves_a_subscription_whoever_confirmed_it(
    rules: Path, inbox: SqliteInbox, look: Look
) -> None:
    await inbox.save_subscription(Subscription(TOPIC, "", "pending", 1.0, "sns.auto_confirm is off"))
    pending, missing = (await look(rules))["subscriptions"]
    assert "waits for its confirmation: sns.auto_confirm is off" in pending.detail
    assert missing.verdict == Verdict.FINDING
    await inbox.accept([entry()])
    only((await look(rules))["subscriptions"], Verdict.OK)


async def test_subscriptions_that_are_refused_or_were_ended(rules: Path, inbox: SqliteInbox, look: Look) -> None:
    await inbox.save_subscription(Subscription(STRANGER, f"{STRANGER}:7", "confirmed", 1.0))
    await inbox.save_subscription(Subscription(TOPIC, "", "unsubscribed", 1.0))
    refused, over, missing = (await look(rules))["subscriptions"]
    assert f"{STRANGER} is subscribed, and sns.topics does not allow it" in refused.detail
    assert f"{STRANGER}:7" in refused.cure
    assert (over.verdict, missing.verdict) == (Verdict.WARNING, Verdict.FINDING)


async def test_dead_deliveries_of_the_last_week_with_the_reason_of_the_newest(
    rules: Path, inbox: SqliteInbox, look: Look
) -> None:
    now = time.time()
    await inbox.accept([entry(Route("all", "erp"), name="1", at=now - 8 * 86400)])
    await ended(inbox, State.DEAD, "long ago", now)
    assert only((await look(rules))["dead deliveries"], Verdict.OK).detail == "none in the last 7 days"
    await inbox.accept([entry(Route("all", "erp"), name="2")])
    await ended(inbox, State.DEAD, "HTTP 410:\nGone\x1b[2J", time.time())
    found = only((await look(rules))["dead deliveries"], Verdict.FINDING)
    assert found.detail == "1 delivery to 'erp' ended as dead in the last 7 days; the newest: HTTP 410: Gone\\x1b[2J"
    assert "deliveries replay" in found.cure


async def test_a_breaker_that_is_open(rules: Path, inbox: SqliteInbox, look: Look) -> None:
    await inbox.save_note("breaker/gone", BreakerState(Phase.OPEN, 1.0, 2.0, 1, "old").encode())
    await inbox.save_note("breaker/odd", b"{}")
    only((await look(rules))["breakers"], Verdict.OK)
    state = BreakerState(Phase.OPEN, time.time() - 600, time.time(), 3, "HTTP 503")
    await inbox.save_note("breaker/erp", state.encode())
    found = only((await look(rules))["breakers"], Verdict.FINDING)
    assert "'erp' fails since 10 minutes ago" in found.detail
    assert "HTTP 503" in found.detail


async def test_deliveries_that_wait_for_long_and_what_their_handler_said(
    rules: Path, inbox: SqliteInbox, look: Look
) -> None:
    await inbox.accept([entry(Route("all", "erp"), at=time.time() - 840)])
    only((await look(rules))["delays"], Verdict.OK)
    await inbox.accept([entry(Route("all", "erp"), name="2", at=time.time() - 1800)])
    slow = only((await look(rules))["delays"], Verdict.FINDING)
    assert "waited for 30 minutes" in slow.detail
    assert "concurrency" in slow.cure
    await ended(inbox, State.WAITING, "HTTP 500", time.time())
    failing = only((await look(rules))["delays"], Verdict.FINDING)
    assert "was tried 1 times and said: HTTP 500" in failing.detail


async def test_deliveries_of_a_handler_that_was_removed(rules: Path, inbox: SqliteInbox, look: Look) -> None:
    await inbox.accept([entry(Route("all", "crm", key="k"), Route("more", "crm", key="k"), Route("all", "erp"))])
    found = only((await look(rules))["removed handlers"], Verdict.FINDING)
    assert found.detail == "2 deliveries wait for handler 'crm', which the rules file does not have"
    assert "deliveries cancel --handler crm" in found.cure


async def test_unrouted_notifications_are_a_warning_by_type(rules: Path, inbox: SqliteInbox, look: Look) -> None:
    only((await look(rules))["unrouted"], Verdict.OK)
    await inbox.accept([entry(name=str(number)) for number in range(3)])
    found = only((await look(rules))["unrouted"], Verdict.WARNING)
    assert found.detail == "3 of type ORDER_CHANGE matched no rule"
    assert "inbox reroute --unrouted" in found.cure


async def test_an_inbox_that_somebody_holds_locked(rules: Path, inbox: SqliteInbox, look: Look) -> None:
    only((await look(rules))["inbox"], Verdict.OK)
    other = sqlite3.connect(inbox.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    found = only((await look(rules))["inbox"], Verdict.FINDING)
    other.close()
    assert "write lock" in found.detail
    assert "fuser" in found.cure


async def test_no_inbox_yet_and_no_directory_for_one(rules: Path, look: Look, tmp_path: Path) -> None:
    assert "the daemon makes it" in only((await look(rules))["inbox"], Verdict.SKIPPED).detail
    write(rules, RULES.replace("sqlite:inbox.db", f"sqlite://{tmp_path}/none/inbox.db"))
    found = await look(rules)
    assert f"no directory {tmp_path}/none" in only(found["inbox"], Verdict.FINDING).detail
    (disk,) = found["disk"]
    assert re.search(f"[0-9] MiB are left at {re.escape(str(tmp_path))}(,|$)", disk.detail)


async def test_a_file_that_is_no_inbox(rules: Path, look: Look, tmp_path: Path) -> None:
    (tmp_path / "inbox.db").write_bytes(b"no database" * 1000)
    found = await look(rules)
    assert "damaged" in only(found["inbox"], Verdict.FINDING).detail
    only(found["subscriptions"], Verdict.SKIPPED)


async def test_an_inbox_damaged_inside_is_found_by_sqlites_own_check(rules: Path, look: Look, tmp_path: Path) -> None:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.accept([entry(Route("all", "erp"), name=str(number)) for number in range(300)])
    await inbox.close()
    only((await look(rules))["inbox integrity"], Verdict.OK)
    with sqlite3.connect(tmp_path / "inbox.db") as connection:
        page, size = connection.execute(
            "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size() WHERE name = 'deliveries_notification'"
        ).fetchone()
    connection.close()
    with (tmp_path / "inbox.db").open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(b"\xff" * 400)
    found = only((await look(rules))["inbox integrity"], Verdict.FINDING)
    assert "backup" in found.cure


async def test_the_integrity_check_ends_in_time(inbox: SqliteInbox) -> None:
    await inbox.accept([entry(Route("all", "erp"), name=str(number)) for number in range(1000)])
    assert quick_check(inbox.path, seconds=60) == []
    assert quick_check(inbox.path, seconds=-1) is None


def statvfs(free: int, files: int, free_files: int) -> os.statvfs_result:
    return os.statvfs_result((1024, 1024, 1 << 40, free // 1024, free // 1024, files, free_files, free_files, 0, 255))


def test_space_and_files_that_run_out() -> None:
    assert judged(Path("/x"), statvfs(2 << 30, 10**6, 10**6)).verdict == Verdict.OK
    assert "512 MiB are left at /x" in judged(Path("/x"), statvfs(512 << 20, 10**6, 10**6)).detail
    assert "999 more files" in judged(Path("/x"), statvfs(2 << 30, 10**6, 999)).detail
    assert judged(Path("/x"), statvfs(2 << 30, 0, 0)).verdict == Verdict.OK
