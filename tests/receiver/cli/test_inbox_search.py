"""`inbox list --search` as it is typed."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.cli import cli
from receiver.inbox import Entry, SqliteInbox
from receiver.indexing import Indexer
from receiver.notification import Envelope, read

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api"


def entry(number: int, order_id: str) -> Entry:
    payload = {"OrderChangeNotification": {"AmazonOrderId": order_id, "Note": f"call buyer {number} back"}}
    message = json.dumps({"NotificationType": "ORDER_CHANGE", "Payload": payload})
    (notification,) = read(Envelope(message, f"message-{number}", TOPIC, 100.0))
    body = {"Message": message, "MessageId": f"message-{number}", "TopicArn": TOPIC, "Timestamp": "2026-01-01T00:00Z"}
    return Entry(notification, (), json.dumps(body).encode(), received_at=1000.0 + number)


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., list[int]]:
    path = tmp_path / "inbox.db"

    async def fill() -> None:
        inbox = await SqliteInbox.open(path)
        await inbox.accept([entry(number, f"903-{number % 5}") for number in range(1, 1201)])
        for _ in range(3):
            await Indexer(inbox, lambda: False).step()
        await inbox.close()

    asyncio.run(fill())

    def run(*arguments: Any) -> list[int]:
        command = ["inbox", "list", "--json", "--database", str(path), *map(str, arguments)]
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 0, result.output
        return [json.loads(line)["id"] for line in result.stdout.splitlines()]

    return run


def test_an_identifier_is_found_in_the_index_and_beyond_it(find: Callable[..., list[int]]) -> None:
    found = find("--search", "903-3", "--limit", 1000)
    assert found == list(range(1198, 0, -5))
    assert find("--search", "903-3", "--limit", 7) == found[:7]
    assert find("--search", "903-3", "--until", "1970-01-01T00:17:00Z") == [18, 13, 8, 3]


def test_a_text_is_found_in_whole_messages(find: Callable[..., list[int]]) -> None:
    assert find("--search", "call buyer 1020 BACK") == [1020]
    assert find("--search", "call buyer", "--limit", 1000) == list(range(1200, 200, -1))
    assert find("--search", "nobody wrote this") == []
