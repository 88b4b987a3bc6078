"""The checker must see what is wrong: each kind of damage to a sound run makes it fail."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from receiver.inbox import Entry, Result, Route, State
from receiver.inbox.sqlite import SqliteInbox
from receiver.internal import internal_body
from receiver.notification import read_stored
from tests.faults.check import main

NOW = 1_760_000_000.0
COUNT = 4


def entry(number: int) -> Entry:
    body = json.loads(internal_body("ORDER_CHANGE", {"AmazonOrderId": str(number)}, NOW))
    body |= {"TopicArn": "arn:aws:sns:us-east-1:123456789012:sp-api", "MessageId": f"m{number}"}
    data = json.dumps(body).encode()
    return Entry(read_stored(data, 0), (Route("all", "erp"),), data, NOW)


@pytest.fixture
async def run(tmp_path: Path) -> Path:
    """A sound run: four notifications; the second's first run was lost in a kill, after the sink had taken it."""
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.accept([entry(number) for number in range(COUNT)])
    (first, second) = await inbox.claim("erp", 2, NOW, 60)
    await inbox.finish([Result(first.id, first.run, State.DONE, NOW, NOW)])
    await inbox.close()
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.recover(NOW)
    claims = await inbox.claim("erp", COUNT, NOW, 60)
    await inbox.finish([Result(claim.id, claim.run, State.DONE, NOW, NOW) for claim in claims])
    await inbox.close()
    arrived = [first.webhook_id, second.webhook_id, *(claim.webhook_id for claim in claims)]
    write(tmp_path / "arrived.jsonl", [{"webhook_id": id_, "at": NOW} for id_ in arrived])
    told = [told_of(f"m{number}", 200) for number in range(COUNT)]
    write(tmp_path / "told.jsonl", [told_of("m3", None), *told, {"killed": 7, "at": NOW}])
    return tmp_path


def told_of(message_id: str, status: int | None) -> dict[str, Any]:
    return {"message_id": message_id, "notification_id": "", "status": status, "seconds": 0.1, "at": NOW}


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def change(path: Path, edit: Callable[[list[dict[str, Any]]], None]) -> None:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    edit(records)
    write(path, records)


def arguments(run: Path, *more: str) -> list[str]:
    files = {"--database": "inbox.db", "--told": "told.jsonl", "--arrived": "arrived.jsonl"}
    return [*(word for name, file in files.items() for word in (name, str(run / file))), *more]


def tamper(run: Path, *statements: str) -> None:
    with closing(sqlite3.connect(run / "inbox.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_sound_run_passes_as_a_command(run: Path, root: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.check", *arguments(run)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "sent: 4 messages in 5 pushes, acknowledged: 4, kept: 4, kills survived: 1, lost: 0, delivered: 4, twice: 1\n"
    )


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("DELETE FROM notifications WHERE id = 3",), "acknowledged, but not in the inbox: m2"),
        (("DELETE FROM bodies WHERE notification_id = 3",), "kept without its body: m:m2"),
        (("DELETE FROM deliveries WHERE id = 4",), "kept with other than 1 deliveries: m:m3 has 0"),
        (("UPDATE deliveries SET notification_id = 99 WHERE id = 4",), "a delivery without its notification: 4"),
        (("UPDATE deliveries SET state = 0 WHERE id = 1",), "not ended: 1 is waiting"),
        (("UPDATE deliveries SET state = 2 WHERE id = 1",), "not ended: 1 is running"),
        (("UPDATE deliveries SET state = 4 WHERE id = 1",), "dead: 1"),
        (("UPDATE deliveries SET webhook = x'00' WHERE id = 4",), "never reached the sink: 4"),
        (("UPDATE deliveries SET webhook = x'00' WHERE id = 4",), "the inbox knows no such delivery: msg_"),
        (("UPDATE attempts SET outcome = 'done'",), "no run of it was lost or failed: 2 arrived 2 times"),
        (("UPDATE tally SET count = 5 WHERE handler = 'erp'",), "erp/3: 5, not 4"),
        (("UPDATE notifications SET dedup_key = 'm:m0' WHERE id = 2",), "kept more than once: m:m0"),
    ],
)
def test_a_tampered_inbox_fails(
    run: Path, capsys: pytest.CaptureFixture[str], statements: tuple[str, ...], said: str
) -> None:
    tamper(run, *statements)
    assert main(arguments(run)) == 1
    assert said in capsys.readouterr().out


def test_a_damaged_index_fails(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = (run / "inbox.db").read_bytes()
    with closing(sqlite3.connect(run / "inbox.db")) as connection:
        find = "SELECT rootpage FROM sqlite_master WHERE name = 'notifications_received'"
        ((page,),) = connection.execute(find)
        ((size,),) = connection.execute("PRAGMA page_size")
    empty = b"\x0a" + bytes(4) + size.to_bytes(2, "big")
    start = (page - 1) * size
    (run / "inbox.db").write_bytes(pages[:start] + empty.ljust(size, b"\0") + pages[start + size :])
    assert main(arguments(run)) == 1
    assert "the database is damaged: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        ("told.jsonl", lambda all_: all_.append(told_of("m9", 200)), "not in the inbox: m9"),
        ("told.jsonl", lambda all_: all_.append(told_of("m9", 403)), "never to come again, though genuine: m9 (403)"),
        ("told.jsonl", lambda all_: all_.pop(), "more than 0 arrived again after kills: 2"),
        ("arrived.jsonl", lambda all_: all_.pop(0), "never reached the sink: 1"),
        ("arrived.jsonl", lambda all_: all_.append(all_[0]), "lost or failed: 1 arrived 2 times"),
        ("arrived.jsonl", lambda all_: all_.append(all_[1]), "lost or failed: 2 arrived 3 times"),
        ("arrived.jsonl", lambda all_: all_.append({"webhook_id": "msg_0", "at": 0}), "no such delivery: msg_0"),
    ],
)
def test_a_tampered_record_fails(
    run: Path, capsys: pytest.CaptureFixture[str], file: str, edit: Callable[[list[dict[str, Any]]], None], said: str
) -> None:
    change(run / file, edit)
    assert main(arguments(run)) == 1
    assert said in capsys.readouterr().out


def test_more_twice_than_a_kill_can_catch_fails(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(run, "--in-flight", "0")) == 1
    assert "more than 0 arrived again after kills: 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("inbox.db", "no database " * 100, "file is not a database"),
        ("told.jsonl", "{}\n[", "told.jsonl:1: no record of this kind"),
        ("told.jsonl", "[]", "told.jsonl:1: not an object"),
        ("arrived.jsonl", "{", "arrived.jsonl:1: not JSON"),
    ],
)
def test_what_cannot_be_read_is_named(
    run: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, said: str
) -> None:
    (run / file).write_text(text)
    assert main(arguments(run)) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("file", ["inbox.db", "told.jsonl", "arrived.jsonl"])
def test_what_is_not_there_is_named(run: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    (run / file).unlink()
    assert main(arguments(run)) == 2
    assert file in capsys.readouterr().err
