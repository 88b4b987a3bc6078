"""Reading an SNS message into notifications: the five shapes in which SP-API's notifications reach a topic.

Sources: SP-API Notifications API v1 guide (payload wrapper, NotificationMetadata), Amazon EventBridge event
structure, AWS Lambda's SQS event record. Pure: no I/O, and no input raises.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from receiver import json_text
from receiver.times import iso, parse_time

INTERNAL_TOPIC = "router"
"""The topic of the daemon's own notifications. No ARN, so nothing that SNS signs can carry it."""

_MOST_WRAPPERS = 4
_MAY_BE_ABSENT = (
    "version",
    "notification_id",
    "seller_id",
    "marketplace_id",
    "payload",
    "metadata",
    "subject",
    "attributes",
    "message",
)
_ABSENT: tuple[Any, ...] = (None, "", {})
_ROLES = {
    "SellerId": "seller",
    "sellerId": "seller",
    "MerchantId": "seller",
    "merchantId": "seller",
    "AccountId": "account",
    "accountId": "account",
    "MarketplaceId": "marketplace",
    "marketplaceId": "marketplace",
}
_ACCOUNT_PREFIX = "amzn1.merchant.o."
_IDENTITY_DEPTH = 4
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_NORMAL = re.compile(r"[A-Z0-9_]*")


class Envelope(NamedTuple):
    """The SNS message around the notifications: what its signature covers, and the attributes, which it does not."""

    message: str
    message_id: str
    topic: str
    sent_at: float
    """SNS's Timestamp, seconds since the epoch."""
    subject: str | None = None
    attributes: Mapping[str, str] | None = None
    """MessageAttributes by name. SNS does not sign them: untrusted."""


class Notification(NamedTuple):
    """One notification, whatever shape it came in."""

    dedup_key: str
    """`n:` and SP-API's NotificationId, else `m:` and the SNS MessageId: the same for every repeat."""
    part: int
    """Its place in an SNS message that carried several."""
    type: str
    """UPPER_SNAKE, empty where the message is not SP-API's."""
    version: str
    notification_id: str
    seller_id: str
    marketplace_id: str
    event_time: float
    """When the event happened, seconds since the epoch; SNS's Timestamp where the message does not say."""
    envelope: Envelope
    document: Mapping[str, Any]
    """What patterns and templates see; a field that the notification lacks is absent."""


@lru_cache(maxsize=1024)
def normal_type(name: str) -> str:
    """UPPER_SNAKE for a notification type in any casing: `OrderStatusChange` gives `ORDER_STATUS_CHANGE`."""
    if _NORMAL.fullmatch(name):
        return name
    return _NOT_WORD.sub("_", _WORD_START.sub("_", name)).strip("_").upper()


def asked_type(name: str) -> str:
    """The type that somebody asks for, who writes it in any casing; the daemon's own `router.*` are as they are."""
    return name if name.startswith(f"{INTERNAL_TOPIC}.") else normal_type(name)


def read(envelope: Envelope) -> list[Notification]:
    """The notifications in one SNS message, at least one, in their order."""
    message = _json(envelope.message)
    bodies = _unwrap(message, _MOST_WRAPPERS)
    return [_notification(envelope, body, part) for part, body in enumerate(bodies)]


def read_stored(body: bytes, part: int) -> Notification:
    """The notification that was kept as part `part` of the SNS message `body`."""
    return read(stored_envelope(body))[part]


def stored_envelope(body: bytes) -> Envelope:
    """The envelope of the SNS message `body` that was kept."""
    fields = json_text.parse(body)
    attributes = fields.get("MessageAttributes")
    return Envelope(
        message=fields["Message"],
        message_id=fields["MessageId"],
        topic=fields["TopicArn"],
        sent_at=parse_time(fields["Timestamp"]) or 0.0,
        subject=fields.get("Subject"),
        attributes=attribute_values(attributes) if attributes else None,
    )


def rewritten(text: str, change: Callable[[Any], Any]) -> str:
    """SNS's Message with the body of each notification in it changed, in the shape in which it came."""
    body = _rewrap(_json(text), _MOST_WRAPPERS, change)
    return body if isinstance(body, str) else json_text.compact(body)


def type_of(body: Any) -> str:
    """The type of the notification that has a body, empty where it is not SP-API's."""
    return normal_type(_text(_either(body, "NotificationType", "notificationType"))) if _is_wrapped(body) else ""


def attribute_values(attributes: Mapping[str, Any]) -> dict[str, str]:
    """MessageAttributes as names and values, without their types."""
    return {
        name: attribute["Value"]
        for name, attribute in attributes.items()
        if isinstance(attribute, Mapping) and isinstance(attribute.get("Value"), str)
    }


def _json(text: str) -> Any:
    """The JSON value of a text, or the text itself where it is none."""
    if not text.lstrip(" \t\r\n").startswith(("{", "[")):
        return text
    try:
        return json_text.parse(text)
    except ValueError:
        return text


def _unwrap(body: Any, wrappers: int) -> list[Any]:
    """The bodies inside lists, SQS records and EventBridge events, as deep as `wrappers`: at least one."""
    if type(body) is list and body and all(map(_is_record, body)):
        return [inner for record in body for inner in _unwrap(record, wrappers)]
    if not wrappers or type(body) is not dict:
        return [body]
    if isinstance(body.get("Records"), list):
        return _unwrap(body["Records"], wrappers - 1) if body["Records"] else [body]
    if _is_record(body):
        return _unwrap(_json(body["body"]), wrappers - 1)
    if "detail-type" in body and isinstance(body.get("detail"), dict):
        return [body["detail"] if _is_wrapped(body["detail"]) else body]
    return [body]


def _rewrap(body: Any, wrappers: int, change: Callable[[Any], Any]) -> Any:
    """What `_unwrap` would find, changed and wrapped again."""
    if isinstance(body, list) and body and all(_is_record(item) for item in body):
        return [_rewrap(record, wrappers, change) for record in body]
    if wrappers and isinstance(body, dict) and isinstance(body.get("Records"), list) and body["Records"]:
        return {**body, "Records": _rewrap(body["Records"], wrappers - 1, change)}
    if wrappers and _is_record(body):
        inner = _rewrap(_json(body["body"]), wrappers - 1, change)
        return {**body, "body": inner if isinstance(inner, str) else json_text.compact(inner)}
    if wrappers and isinstance(body, dict) and "detail-type" in body and _is_wrapped(body.get("detail")):
        return {**body, "detail": change(body["detail"])}
    return change(body)


def _is_record(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("body"), str) and body.get("eventSource") == "aws:sqs"


def _is_wrapped(body: Any) -> bool:
    """Whether a body is SP-API's own wrapper around a payload."""
    return isinstance(body, dict) and isinstance(_either(body, "NotificationType", "notificationType"), str)


def _either(body: Mapping[str, Any], name: str, other: str) -> Any:
    """A field in PascalCase or camelCase."""
    value = body.get(name)
    return value if value is not None else body.get(other)


def _notification(envelope: Envelope, body: Any, part: int) -> Notification:
    wrapped = body if _is_wrapped(body) else {}
    payload = _either(wrapped, "Payload", "payload")
    metadata = _either(wrapped, "NotificationMetadata", "notificationMetadata")
    if type(metadata) is not dict:
        metadata = {}
    notification_id = _text(_either(metadata, "NotificationId", "notificationId"))
    said_time = _either(wrapped, "EventTime", "eventTime")
    event_time = parse_time(said_time)
    if event_time is None:
        said_time, event_time = iso(envelope.sent_at), envelope.sent_at
    seller_id, marketplace_id = _identities(payload) if type(payload) is dict else ("", "")
    type_ = _text(_either(wrapped, "NotificationType", "notificationType"))
    if envelope.topic != INTERNAL_TOPIC:
        type_ = normal_type(type_)
    version = _text(_either(wrapped, "PayloadVersion", "payloadVersion"))
    document = {
        "type": type_,
        "version": version,
        "event_time": said_time,
        "notification_id": notification_id,
        "seller_id": seller_id,
        "marketplace_id": marketplace_id,
        "payload": payload,
        "metadata": metadata,
        "topic": envelope.topic,
        "subject": envelope.subject,
        "attributes": envelope.attributes,
        "message": body,
    }
    for name in _MAY_BE_ABSENT:
        if not document[name] and document[name] in _ABSENT:
            del document[name]
    key = f"n:{notification_id}" if notification_id else _message_key(envelope, part)
    return Notification(
        key, part, type_, version, notification_id, seller_id, marketplace_id, event_time, envelope, document
    )


def _message_key(envelope: Envelope, part: int) -> str:
    return f"m:{envelope.message_id}" + (f"#{part}" if part else "")


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _identities(payload: dict[str, Any]) -> tuple[str, str]:
    """Seller and marketplace of a payload: the shallowest field of that name.

    Lists are looked into only at the payload's own level and only where all elements agree: deeper lists (offers of
    an ANY_OFFER_CHANGED) name other sellers.
    """
    found: dict[str, str] = {}
    level = [payload]
    for _ in range(_IDENTITY_DEPTH):
        level = _look(level, found)
        if "seller" in found and "marketplace" in found:
            break
    seller = found.get("seller") or found.get("account")
    marketplace = found.get("marketplace")
    if not (seller and marketplace):
        in_lists = _agreed([value for value in payload.values() if type(value) is list])
        seller = seller or in_lists.get("seller") or in_lists.get("account")
        marketplace = marketplace or in_lists.get("marketplace")
    return (seller or "").removeprefix(_ACCOUNT_PREFIX), marketplace or ""


def _look(level: list[dict[str, Any]], found: dict[str, str]) -> list[dict[str, Any]]:
    """Note the identities that the objects of one level name; the objects of the level below."""
    below = []
    for fields in level:
        for name, value in fields.items():
            if type(value) is dict:
                below.append(value)
            elif name in _ROLES and value and type(value) is str:
                found.setdefault(_ROLES[name], value)
    return below


def _agreed(lists: list[list[Any]]) -> dict[str, str]:
    """The identities that all elements of the lists have in common."""
    named: list[dict[str, str]] = []
    for item in (item for items in lists for item in items):
        named.append({})
        _look([item] if isinstance(item, dict) else [], named[-1])
    first = named[0] if named else {}
    return {role: value for role, value in first.items() if all(each.get(role) == value for each in named)}
