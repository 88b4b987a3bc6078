"""Messages with very many records: what is kept grows with the message, and is read as before."""

import json
from typing import Any

import orjson
import pytest

from receiver.narrowing import narrowed
from receiver.notification import Notification, read, read_stored, stored_envelope

ORDER = {"NotificationType": "ORDER_CHANGE", "Payload": {"SellerId": "A1", "n": 1.5, "é": [None]}}
EVENT = {"detail-type": "ORDER_CHANGE", "source": "aws.partner/x", "detail": ORDER}
INNER = [
    json.dumps(ORDER),
    json.dumps({**ORDER, "NotificationMetadata": {"NotificationId": "n-1"}}),
    json.dumps(EVENT),
    json.dumps({"plain": True}),
    json.dumps([1, 2]),
    "stock is low",
    "{",
    "",
    "{}",
    "7",
]


def message(bodies: list[str]) -> bytes:
    records = [{"eventSource": "aws:sqs", "body": body} for body in bodies]
    fields: dict[str, Any] = {
        "Type": "Notification",
        "Message": json.dumps({"Records": records}),
        "MessageId": "m-1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:sp-api",
        "Timestamp": "2026-03-06T20:00:26.893Z",
        "Subject": "many",
        "MessageAttributes": {"a": {"Type": "String", "Value": "b"}},
    }
    return orjson.dumps(fields)


def readings(body: bytes) -> list[Notification]:
    return read(stored_envelope(body))


def test_each_is_kept_alone_and_read_as_it_was() -> None:
    body = message(INNER * 2)
    before = readings(body)
    kept = list(narrowed(before, body))
    assert len(kept) == 20
    for (notification, own), was in zip(kept, before, strict=True):
        assert notification == was._replace(part=0)
        assert read_stored(own, notification.part).document == was.document
        assert len(own) < 500


def test_a_batch_is_kept_as_it_came() -> None:
    body = message(INNER)
    assert list(narrowed(readings(body), body)) == [(each, body) for each in readings(body)]


@pytest.mark.parametrize("depth", [970, 1000])
def test_what_is_nested_too_deep_to_be_written_or_compared_stays_in_its_message(depth: int) -> None:
    body = message(["[" * depth + "]" * depth] * 11)
    assert [(each.part, own) for each, own in narrowed(readings(body), body)] == [(n, body) for n in range(11)]


def test_what_lies_below_as_many_wrappers_as_are_looked_through_stays_in_its_message() -> None:
    inner = "x"
    for _ in range(6):
        inner = json.dumps({"Records": [{"eventSource": "aws:sqs", "body": inner}]})
    body = message([inner] * 11)
    before = readings(body)
    assert list(narrowed(before, body)) == [(each, body) for each in before]
