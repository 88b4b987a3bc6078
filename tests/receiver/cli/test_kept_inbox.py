"""`inbox backup`, `restore`, `export` and `vacuum` as they are typed."""

import asyncio
import fcntl
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from receiver.cli import cli
from receiver.errors import InboxError, RouterError
from receiver.inbox import Entry, Route, SqliteInbox, State
from receiver.inbox.store import Result as Run
from receiver.notification import Envelope, Notification

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api"


def entry(number: int, type_: str = "ORDER_CHANGE", *routes: Route) -> Entry:
    envelope = Envelope("{}", f"message-{number}", TOPIC, 100.0)
    name = f"n{number}"
    notification = Notification(f"n:{name}", 0, type_, "1.0", name, "A3SELLER", "M", 100.0, envelope, {})
    return Entry(notification, routes, b'{"buyer": "Ann"}', received_at=1000.0 + number)


def filled(path: Path, first: int, last: int, *routes: Route) -> None:
    async def work() -> None:
        inbox = await SqliteInbox.open(path)
        await inbox.accept([entry(number, "ORDER_CHANGE", *routes) for number in range(first, last + 1)])
        for claim in await inbox.claim("erp", 1, 2000.0, 60.0):
            await inbox.finish([Run(claim.id, claim.run, State.DONE, 1.0, 2.0, detail="HTTP 200", response=b"Ann's")])
        await inbox.close()

    asyncio.run(work())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "inbox.db"
    filled(path, 1, 20, Route("orders", "erp"))
    return path


@pytest.fixture
def run(path: Path) -> Callable[..., Result]:
    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["inbox", *map(str, arguments), "--database", str(path)])

    return invoke


Invoke = Callable[..., Result]


def lines(text: str | bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


def test_backup_says_what_it_holds(run: Invoke, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    result = run("backup", target)
    assert result.exit_code == 0, result.output
    assert re.match(rf"{target}: 0\.\d MiB, 20 notifications, 20 deliveries, checked; ", result.stdout)
    again = run("backup", target)
    assert isinstance(again.exception, InboxError)
    record = json.loads(run("backup", target, "--force", "--json").stdout)
    assert record["file"] == str(target)
    assert record["bytes"] == target.stat().st_size
    assert (record["notifications"], record["deliveries"]) == (20, 20)


def test_backups_in_a_directory_have_the_time_in_their_names(run: Invoke, tmp_path: Path) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    assert run("backup", directory).exit_code == 0
    (name,) = [path.name for path in directory.iterdir()]
    assert name.startswith("inbox-20")
    assert name.endswith("Z.db")


def test_restore_says_first_what_it_would_do(run: Invoke, tmp_path: Path, path: Path) -> None:
    copy = tmp_path / "copy.db"
    run("backup", copy)
    filled(path, 21, 25)
    said = run("restore", copy).stdout
    assert re.search(
        r"copy\.db \(0\.\d MiB, 20 notifications, 20 deliveries, checked\) would be put in the place", said
    )
    assert "add --yes" in said
    assert "25 notifications" in run("stats").stdout
    result = run("restore", copy, "--yes")
    assert result.exit_code == 0, result.output
    assert re.search(rf"{path}: 0\.\d MiB, 20 notifications, 20 deliveries, checked", result.stdout)
    (kept,) = [line.removeprefix("kept: ") for line in result.stdout.splitlines() if line.startswith("kept: ")]
    assert Path(kept).exists()
    assert "20 notifications" in run("stats").stdout


def test_restore_says_what_it_did_as_json(run: Invoke, tmp_path: Path, path: Path) -> None:
    copy = tmp_path / "copy.db"
    run("backup", copy)
    (would,) = lines(run("restore", copy, "--json").stdout)
    assert would | {"file": str(path), "notifications": 20, "restored": False, "kept": []} == would
    (did,) = lines(run("restore", copy, "--yes", "--json").stdout)
    assert (did["restored"], [Path(old).exists() for old in did["kept"]]) == (True, [True])


@pytest.mark.parametrize(("name", "why"), [("none.db", "there is no backup"), ("notes.txt", "is damaged")])
def test_what_cannot_be_restored_is_not_promised(run: Invoke, tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "notes.txt").write_text("no database" * 1000)
    result = run("restore", tmp_path / name)
    assert isinstance(result.exception, InboxError)
    assert why in str(result.exception)


def test_vacuum_says_what_it_freed(run: Invoke, path: Path) -> None:
    result = run("vacuum")
    assert result.exit_code == 0, result.output
    assert " MiB before, " in result.stdout
    assert " freed; " in result.stdout
    record = json.loads(run("vacuum", "--in-steps", "--json").stdout)
    assert record["bytes_after"] == path.stat().st_size


def test_an_export_has_deliveries_attempts_and_bodies(run: Invoke) -> None:
    records = lines(run("export").stdout)
    assert [record["id"] for record in records] == list(range(1, 21))
    first = records[0]
    assert (first["body"], first["type"], first["received_at"]) == (
        '{"buyer": "Ann"}',
        "ORDER_CHANGE",
        "1970-01-01T00:16:41.000Z",
    )
    (delivery,) = first["deliveries"]
    assert (delivery["state"], delivery["webhook_id"][:4], delivery["body"]) == ("done", "msg_", None)
    (attempt,) = delivery["history"]
    assert (attempt["outcome"], attempt["detail"], attempt["response"]) == ("done", "HTTP 200", "Ann's")


def test_an_export_without_bodies_names_no_buyer(run: Invoke) -> None:
    result = run("export", "--without-body")
    assert len(lines(result.stdout)) == 20
    assert "Ann" not in result.stdout


def test_an_export_takes_the_filters_of_the_listing(run: Invoke) -> None:
    assert [record["id"] for record in lines(run("export", "--after", 5, "--limit", 3).stdout)] == [6, 7, 8]
    assert run("export", "--type", "ANY_OFFER_CHANGED").stdout == ""
    since = run("export", "--since", "1970-01-01T00:16:58Z", "--seller", "A3SELLER", "--topic", TOPIC)
    assert [record["id"] for record in lines(since.stdout)] == [18, 19, 20]
    assert run("export", "--unrouted").stdout == ""


def test_an_export_goes_on_where_it_broke_off(run: Invoke, tmp_path: Path, path: Path) -> None:
    output = tmp_path / "all.jsonl"
    result = run("export", "--output", output)
    assert result.stdout == f"{output}: 20 notifications written, the last is 20\n"
    assert output.stat().st_mode & 0o777 == 0o600
    whole = output.read_bytes()
    for cut in (len(whole) // 2, len(whole) - 1, 10, 0):
        output.write_bytes(whole[:cut])
        resumed = run("export", "--output", output, "--resume")
        assert resumed.exit_code == 0, resumed.output
        assert output.read_bytes() == whole, cut
    filled(path, 21, 22)
    assert run("export", "--output", output, "--resume").stdout.endswith("2 notifications written, the last is 22\n")
    assert [record["id"] for record in lines(output.read_bytes())] == list(range(1, 23))


def test_a_file_that_is_there_is_not_written_over_by_chance(run: Invoke, tmp_path: Path) -> None:
    output = tmp_path / "mine.txt"
    output.write_text("mine\n")
    for options, cure in (((), "is there already"), (("--resume",), "holds no export")):
        result = run("export", "--output", output, *options)
        assert isinstance(result.exception, RouterError)
        assert cure in str(result.exception)
        assert output.read_text() == "mine\n"
    assert run("export", "--output", output, "--force").exit_code == 0
    assert len(lines(output.read_bytes())) == 20


@pytest.mark.parametrize("option", ["--resume", "--force"])
def test_two_exports_do_not_write_one_file(run: Invoke, tmp_path: Path, option: str) -> None:
    output = tmp_path / "all.jsonl"
    run("export", "--output", output)
    whole = output.read_bytes()
    with output.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = run("export", "--output", output, option)
        assert isinstance(result.exception, RouterError)
        assert "is being written by another export" in str(result.exception)
    assert output.read_bytes() == whole


@pytest.mark.parametrize("options", [("--resume",), ("--force",), ("--output", "x", "--force", "--resume")])
def test_options_that_make_no_sense_are_wrong_usage(run: Invoke, options: tuple[str, ...]) -> None:
    result = run("export", *options)
    assert result.exit_code == 2, result.output
    assert not Path("x").exists()


def test_an_export_to_no_file_has_no_advice_that_cannot_work(run: Invoke, tmp_path: Path) -> None:
    result = run("export", "--output", str(tmp_path))
    assert str(result.exception) == f"{tmp_path} is a directory: name a file in it"
    result = run("export", "--output", str(tmp_path / "none/x"))
    assert str(result.exception) == f"{tmp_path / 'none/x'} cannot be written: {os.strerror(2)}"


def test_an_export_to_a_full_disk_says_how_to_go_on(run: Invoke) -> None:
    result = run("export", "--output", "/dev/full", "--force")
    assert isinstance(result.exception, RouterError)
    assert str(result.exception) == (
        f"/dev/full cannot be written: {os.strerror(28)}; what it has can be gone on with: --resume"
    )
