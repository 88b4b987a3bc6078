"""Bytes and headers of a push into an UnverifiedMessage. Pure: no I/O, nothing is believed yet.

Source: "Amazon SNS message and JSON formats" and the HTTP header list in the SNS developer guide.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from receiver.errors import BadMessage, NotAuthentic
from receiver.sns.document import read_object
from receiver.sns.message import MessageType, UnverifiedMessage
from receiver.sns.regions import parse_topic_arn

_ALWAYS = ("Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL")
_TYPES: Mapping[str, MessageType] = {
    "Notification": "Notification",
    "SubscriptionConfirmation": "SubscriptionConfirmation",
    "UnsubscribeConfirmation": "UnsubscribeConfirmation",
}
_CONFIRMATION_ONLY = ("Token", "SubscribeURL")
_NOTIFICATION_OPTIONAL = ("Subject", "UnsubscribeURL", "SequenceNumber")
_HEADERS = (
    ("x-amz-sns-message-type", "Type"),
    ("x-amz-sns-message-id", "MessageId"),
    ("x-amz-sns-topic-arn", "TopicArn"),
)
_MESSAGE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_TOKEN = re.compile(r"[0-9A-Za-z_-]{1,1024}")
_URL = re.compile(r"[!-~]{1,4096}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parse(body: bytes, headers: Mapping[str, str]) -> UnverifiedMessage:
    """Read a push.

    `headers` finds names whatever their case, as aiohttp's do, or has them in lower case. Raises BadMessage where this
    is no SNS message or body and headers disagree, and NotAuthentic for a raw delivery, which carries no signature.
    """
    if headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
        raise NotAuthentic(
            "raw_delivery", "raw message delivery carries no signature: turn it off in the subscription's attributes"
        )
    fields = read_object(body)
    kind = _type(fields)
    _check_fields(fields, kind)
    _check_headers(fields, headers)
    topic, sent_at = parse_topic_arn(fields["TopicArn"]), _time(fields["Timestamp"])
    return UnverifiedMessage(kind, fields["MessageId"], topic, sent_at, fields, body)


def _type(fields: Mapping[str, Any]) -> MessageType:
    name = fields.get("Type")
    kind = _TYPES.get(name) if type(name) is str else None
    if kind is None:
        shown = ascii(name)[:100] if "Type" in fields else "missing"
        raise BadMessage("type", f"Type is {shown}, not one of {', '.join(_TYPES)}")
    return kind


def _check_fields(fields: Mapping[str, Any], kind: MessageType) -> None:
    """Presence, types and alphabets. Only Message may hold a line break, so the signed text can be read in one way."""
    required: tuple[str, ...] = _ALWAYS
    foreign: tuple[str, ...] = _CONFIRMATION_ONLY
    if kind != "Notification":
        required, foreign = _ALWAYS + _CONFIRMATION_ONLY, ("Subject",)
        _check_confirmation(fields)
    for name in required:
        if type(fields.get(name)) is not str:
            raise BadMessage("fields", f"{name} is {'not a string' if name in fields else 'missing'}")
    for name in foreign:
        if name in fields:
            raise BadMessage("fields", f"{name} does not belong in a {kind}")
    if not _MESSAGE_ID.fullmatch(fields["MessageId"]):
        raise BadMessage("fields", f"MessageId {fields['MessageId'][:100]!a} is not an identifier")
    if kind == "Notification":
        _check_notification(fields)


def _check_confirmation(fields: Mapping[str, Any]) -> None:
    for name, form in (("Token", _TOKEN), ("SubscribeURL", _URL)):
        value = fields.get(name)
        if type(value) is str and not form.fullmatch(value):
            raise BadMessage("fields", f"{name} has a character that it cannot have, or is empty or too long")


def _check_notification(fields: Mapping[str, Any]) -> None:
    for name in _NOTIFICATION_OPTIONAL:
        if name in fields and not _is_one_line(fields[name]):
            raise BadMessage("fields", f"{name} is not a string without control characters")
    if "MessageAttributes" in fields:
        _check_attributes(fields["MessageAttributes"])


def _is_one_line(value: Any) -> bool:
    return type(value) is str and (value.isprintable() or not _CONTROL.search(value))


def _check_attributes(attributes: Any) -> None:
    if type(attributes) is not dict:
        raise BadMessage("fields", "MessageAttributes is not an object")
    for name, attribute in attributes.items():
        if type(attribute) is not dict or any(type(attribute.get(key)) is not str for key in ("Type", "Value")):
            raise BadMessage("fields", f"MessageAttributes: {name[:100]!a} is not an object of Type and Value")


def _check_headers(fields: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    for header, name in _HEADERS:
        value = headers.get(header)
        if value is not None and value != fields[name]:
            raise BadMessage("headers", f"the header {header} disagrees with the body's {name}")


def _time(text: str) -> float:
    try:
        if _TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text).timestamp()
    except ValueError:
        pass
    raise BadMessage("fields", f"Timestamp {text[:100]!a} is not a UTC time like 2026-03-06T20:00:26.893Z")
