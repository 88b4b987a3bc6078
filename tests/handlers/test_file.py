"""The file handler."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from handlers.base import Done, Retry, SettingsError, TemplateError
from handlers.line_file import LineFile


def files_in(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def test_a_delivery_is_appended_as_one_json_line(make: Any, delivery: Any, tmp_path: Path) -> None:
    path = tmp_path / "out" / "all.jsonl"
    handler = await make("file", path=str(path))
    assert await handler.handle(delivery()) == Done(detail=f"appended to {path}")
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["payload"]["OrderChangeNotification"]["AmazonOrderId"] == "111-2223334-5556667"
    assert "message" not in json.loads(line)


async def test_the_body_can_be_amazons_message_or_a_template(make: Any, delivery: Any, tmp_path: Path) -> None:
    message = await make("file", path=str(tmp_path / "m"), body="message")
    table = await make("file", path=str(tmp_path / "t"), body={"order": "{notification_id}"})
    await message.handle(delivery())
    await table.handle(delivery())
    assert json.loads((tmp_path / "m").read_text()) == {"NotificationType": "ORDER_CHANGE"}
    assert json.loads((tmp_path / "t").read_text()) == {"order": "n-1"}


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'{\n "a": 1\r\n}', '{"a":1}'),
        (b"[\n" * 300 + b"]" * 300, "[" * 300 + "]" * 300),
        ("zwei\nZeilen ü".encode(), '"zwei\\nZeilen ü"'),
        (b"\x00\xff\n", '{"base64":"AP8K"}'),
    ],
)
async def test_a_chains_result_is_one_line_whatever_it_holds(
    make: Any, delivery: Any, tmp_path: Path, body: bytes, line: str
) -> None:
    handler = await make("file", path=str(tmp_path / "a"))
    await handler.handle(delivery(body=body))
    assert (tmp_path / "a").read_text() == line + "\n"


async def test_deliveries_go_to_files_by_template(make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("file", path=str(tmp_path / "{seller_id}" / "{type}.jsonl"))
    await handler.handle(delivery({"seller_id": "../A", "type": "X"}))
    await handler.handle(delivery({"seller_id": "B", "type": "X"}))
    assert files_in(tmp_path) == ["B/X.jsonl", "_._A/X.jsonl"]
    with pytest.raises(TemplateError, match="seller_id"):
        await handler.handle(delivery({"type": "X"}))


async def test_concurrent_lines_share_an_fsync_and_stay_whole(
    make: Any, delivery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    real = LineFile.append

    def append(self: LineFile, lines: Sequence[bytes]) -> int:
        groups.append(len(lines))
        return real(self, lines)

    monkeypatch.setattr(LineFile, "append", append)
    handler = await make("file", path=str(tmp_path / "a"))
    await asyncio.gather(*(handler.handle(delivery({"n": number})) for number in range(50)))
    assert groups == [50]
    assert [json.loads(line)["n"] for line in (tmp_path / "a").read_text().splitlines()] == list(range(50))


async def test_a_group_that_rotates_writes_every_line_once(make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("file", path=str(tmp_path / "a"), rotate=40, keep=100)
    await asyncio.gather(*(handler.handle(delivery({"n": number})) for number in range(40)))
    files = files_in(tmp_path)
    lines = [json.loads(line)["n"] for name in files for line in (tmp_path / name).read_text().splitlines()]
    assert sorted(lines) == list(range(40))
    assert len(files) > 5


async def test_a_file_that_cannot_be_written_is_retried_and_recovers(make: Any, delivery: Any, tmp_path: Path) -> None:
    path = tmp_path / "dir" / "{type}"
    handler = await make("file", path=str(path))
    (tmp_path / "dir").write_text("in the way")
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert outcome.reason == f"{tmp_path}/dir/ORDER_CHANGE cannot be written to: Not a directory"
    (tmp_path / "dir").unlink()
    assert isinstance(await handler.handle(delivery()), Done)


async def test_a_fixed_file_is_tried_at_the_start(make: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match=r"pipe cannot be written to: .*not a regular file"):
        await make("file", path=str(tmp_path / "pipe"))


async def test_closing_waits_for_lines_on_their_way(make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("file", path=str(tmp_path / "a"))
    task = asyncio.create_task(handler.handle(delivery({"n": 1})))
    await asyncio.sleep(0)
    await handler.close()
    assert (tmp_path / "a").read_text() == '{"n":1}\n'
    await task


async def test_a_write_that_nobody_waits_for_does_not_stop_the_next(make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("file", path=str(tmp_path / "a"))
    given_up = asyncio.create_task(handler.handle(delivery({"n": 1})))
    kept = asyncio.create_task(handler.handle(delivery({"n": 2})))
    await asyncio.sleep(0)
    given_up.cancel()
    assert isinstance(await kept, Done)
    assert (tmp_path / "a").read_text() == '{"n":1}\n{"n":2}\n'


async def test_the_preview_names_the_file_and_the_line(make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("file", path=str(tmp_path / "{type}"), body="message")
    (request,) = handler.preview(delivery())
    assert request.summary == f"append to {tmp_path}/ORDER_CHANGE"
    assert request.body == '{"NotificationType":"ORDER_CHANGE"}'
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "keys", [{"path": "x/"}, {"path": 7}, {"keep": -1}, {"rotate": 0}, {"rotate": "lots"}, {"body": "mesage"}]
)
async def test_wrong_keys_are_refused(make: Any, tmp_path: Path, keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(keys))):
        await make("file", **({"path": str(tmp_path / "a")} | keys))
