"""The shapes in which a notification comes through AWS to an SNS topic.

Sources: SP-API Notifications guide, Amazon EventBridge event structure, AWS Lambda's and EventBridge Pipes' SQS record.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Any

import orjson

from receiver.simulators.sns.messages import iso

_ACCOUNT = "123456789012"
_SENDER = "AIDAIENQZJOLO23YVJ4VO"


class Shape(StrEnum):
    """`plain` is the notification itself, `eventbridge` an event around it, `sqs` a record with it as text."""

    PLAIN = "plain"
    EVENTBRIDGE = "eventbridge"
    SQS = "sqs"
    MIXED = "mixed"


def wrap(shape: Shape, kind: str, notification: Mapping[str, Any], random: Random, uuid: str, now: float) -> str:
    """The SNS Message that carries a notification of type `kind`; MIXED takes one of the three by chance.

    An SQS record comes alone or in a list of one, as a pipe's batch setting has it.
    """
    if shape is Shape.MIXED:
        shape = random.choice((Shape.PLAIN, Shape.EVENTBRIDGE, Shape.SQS))
    if shape is Shape.EVENTBRIDGE:
        return _json(_event(kind, notification, uuid, now))
    if shape is Shape.SQS:
        record = _record(_json(notification), uuid, now)
        return _json([record] if random.random() < 0.5 else record)
    return _json(notification)


def _event(kind: str, notification: Mapping[str, Any], uuid: str, now: float) -> dict[str, Any]:
    return {
        "version": "0",
        "id": uuid,
        "detail-type": kind,
        "source": f"aws.partner/sellingpartnerapi.amazon.com/{_ACCOUNT}/amzn1.sellerapps.app.{uuid}",
        "account": _ACCOUNT,
        "time": iso(now)[:19] + "Z",
        "region": "us-east-1",
        "resources": [],
        "detail": notification,
    }


def _record(body: str, uuid: str, now: float) -> dict[str, Any]:
    milliseconds = str(int(now * 1000))
    return {
        "messageId": uuid,
        "receiptHandle": hashlib.sha256(uuid.encode()).hexdigest(),
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": milliseconds,
            "SenderId": _SENDER,
            "ApproximateFirstReceiveTimestamp": milliseconds,
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:{_ACCOUNT}:sp-api-notifications",
        "awsRegion": "us-east-1",
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
