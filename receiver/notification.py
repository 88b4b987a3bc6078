"""Reading an SNS message into notifications: the five shapes in which SP-API's notifications reach a topic.

Sources: SP-API Notifications API v1 guide (payload wrapper, NotificationMetadata), Amazon EventBridge event
structure, AWS Lambda's SQS event record. Pure: no I/O, and no input raises.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

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
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_NORMAL = re.compile(r"[A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The SNS message around the notifications: what its signature covers, and the attributes, which it does not."""

    message: str
    message_id: str
    topic: str
    sent_at: float
    """SNS's Timestamp, seconds since the epoch."""
    subject: str | None = None
    attributes: Mapping[str, str] | None = None
    """MessageAttributes by name. SNS does not sign them: untrusted."""


@dataclass(frozen=True, slots=True)
class Notification:
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
    bodies = list(_unwrap(message, _MOST_WRAPPERS)) or [message]
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
    return normal_type(_text(_either(body, "NotificationType"))) if _is_wrapped(body) else ""


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


def _unwrap(body: Any, wrappers: int) -> Iterator[Any]:
    """The bodies inside lists, SQS records and EventBridge events, as deep as `wrappers`."""
    if isinstance(body, list) and body and all(_is_record(item) for item in body):
        for record in body:
            yield from _unwrap(record, wrappers)
    elif wrappers and isinstance(body, dict) and isinstance(body.get("Records"), list):
        yield from _unwrap(body["Records"], wrappers - 1) if body["Records"] else [body]
    elif wrappers and _is_record(body):
        yield from _unwrap(_json(body["body"]), wrappers - 1)
    elif wrappers and isinstance(body, dict) and "detail-type" in body and isinstance(body.get("detail"), dict):
        yield body["detail"] if _is_wrapped(body["detail"]) else body
    else:
        yield body


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
    return isinstance(body, dict) and isinstance(_either(body, "NotificationType"), str)


def _either(body: Mapping[str, Any], name: str) -> Any:
    """A field in PascalCase or camelCase."""
    value = body.get(name)
    return value if value is not None else body.get(name[0].lower() + name[1:])


def _notification(envelope: Envelope, body: Any, part: int) -> Notification:
    wrapped = body if _is_wrapped(body) else {}
    payload = _either(wrapped, "Payload")
    metadata = _either(wrapped, "NotificationMetadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    notification_id = _text(_either(metadata, "NotificationId"))
    said_time = _either(wrapped, "EventTime")
    event_time = parse_time(said_time)
    seller_id, marketplace_id = _identities(payload) if isinstance(payload, dict) else ("", "")
    type_ = _text(_either(wrapped, "NotificationType"))
    if envelope.topic != INTERNAL_TOPIC:
        type_ = normal_type(type_)
    version = _text(_either(wrapped, "PayloadVersion"))
    document = {
        "type": type_,
        "version": version,
        "event_time": said_time if event_time is not None else iso(envelope.sent_at),
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
    return Notification(
        dedup_key=f"n:{notification_id}" if notification_id else _message_key(envelope, part),
        part=part,
        type=type_,
        version=version,
        notification_id=notification_id,
        seller_id=seller_id,
        marketplace_id=marketplace_id,
        event_time=event_time if event_time is not None else envelope.sent_at,
        envelope=envelope,
        document=_without_absent(document),
    )


def _without_absent(document: dict[str, Any]) -> dict[str, Any]:
    for name in _MAY_BE_ABSENT:
        if document[name] in _ABSENT:
            del document[name]
    return document


def _message_key(envelope: Envelope, part: int) -> str:
    return f"m:{envelope.message_id}" + (f"#{part}" if part else "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


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
        in_lists = _agreed([value for value in payload.values() if isinstance(value, list)])
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
            elif (role := _ROLES.get(name)) and value and type(value) is str:
                found.setdefault(role, value)
    return below


def _agreed(lists: list[list[Any]]) -> dict[str, str]:
    """The identities that all elements of the lists have in common."""
    named: list[dict[str, str]] = []
    for item in (item for items in lists for item in items):
        named.append({})
        _look([item] if isinstance(item, dict) else [], named[-1])
    first = named[0] if named else {}
    return {role: value for role, value in first.items() if all(each.get(role) == value for each in named)}
