"""What a delivery carries to its destination: the notification, Amazon's message, an event envelope or a template."""

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import BeforeValidator, WithJsonSchema

from handlers.base import Delivery
from handlers.errors import TemplateError
from handlers.json_text import written
from handlers.template import Structure
from handlers.unread import shown, unread

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"

SPAPI_SOURCE = "aws.partner/sellingpartnerapi.amazon.com"
"""How SP-API begins its name as an EventBridge source (Notifications API guide); its account is unknown."""

OWN_SOURCE = "spapi-router"


class Body(NamedTuple):
    """Bytes and the media type they are of."""

    data: bytes
    content_type: str


def parse_choice(value: object) -> str | Structure:
    """The `body` key of a handler. Raises ValueError with the place and the cure."""
    if isinstance(value, Structure) or (isinstance(value, str) and value in _NAMED):
        return value
    if not isinstance(value, str | Mapping | list):
        raise ValueError(f"{value!r} is not a body: use {_ALL}, a template, or a table of templates")
    try:
        structure = Structure.parse(value)
    except TemplateError as error:
        raise ValueError(str(error)) from None
    if isinstance(value, str) and not structure.fields:
        close = difflib.get_close_matches(value, _NAMED, n=1)
        cure = f"did you mean {close[0]!r}?" if close else f"use {_ALL}, or a template that takes a {{field}}"
        raise ValueError(f"{value!r} is not a body: {cure}")
    return structure


BodyChoice = Annotated[
    str | Structure,
    BeforeValidator(parse_choice),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["notification", "message", "event"]},
                {"type": "string", "pattern": r"\{"},
                {"type": "object"},
                {"type": "array"},
            ]
        }
    ),
]
"""The type of a `body` key in a handler's settings; `None` beside it means the default of `body_of`."""


def body_of(delivery: Delivery, choice: str | Structure | None = None) -> Body:
    """The body of a delivery.

    Without a choice: the result of the handler before, byte for byte, in a chain; else the notification. A text
    renders as text/plain, any other value as JSON. The choice is one that `parse_choice` let through.
    Raises TemplateError where a template names a field that the notification lacks, or what is to be written is nested
    too deep.
    """
    if choice is None:
        return _result(delivery.body) if delivery.body is not None else _notification(delivery)
    if isinstance(choice, Structure):
        return _body(choice.render(delivery.document))
    return _NAMED[choice](delivery)


def _body(value: Any) -> Body:
    return Body(value.encode(), TEXT) if isinstance(value, str) else Body(written(value), JSON)


def _result(data: bytes) -> Body:
    try:
        orjson.loads(data)
    except ValueError:
        return Body(data, TEXT if _is_text(data) else BINARY)
    return Body(data, JSON)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _notification(delivery: Delivery) -> Body:
    """The normalised document."""
    kept = unread(delivery)
    return Body(written(shown(delivery.document)) if kept is None else kept.sent, JSON)


def _message(delivery: Delivery) -> Body:
    """What was published to the topic: JSON as JSON, text as text. An internal notification has its payload only."""
    return _body(_inner(delivery.document))


def _inner(document: Mapping[str, Any]) -> Any:
    return document["message"] if "message" in document else document.get("payload", {})


def _event(delivery: Delivery) -> Body:
    """An event as Amazon EventBridge lays it out (EventBridge user guide, "Event structure")."""
    document = delivery.document
    topic = document.get("topic", "")
    envelope = {
        "version": "0",
        "id": document.get("notification_id") or delivery.webhook_id,
        "detail-type": document.get("type", ""),
        "source": SPAPI_SOURCE if "message" in document and "payload" in document else OWN_SOURCE,
        "account": "",
        "time": document.get("event_time", ""),
        "region": _region(topic),
        "resources": [topic] if topic else [],
        "detail": _inner(document),
    }
    return Body(written(envelope), JSON)


def _region(topic: str) -> str:
    """The region in an ARN: `arn:partition:service:region:account:resource`."""
    parts = topic.split(":")
    return parts[3] if len(parts) > 3 else ""


_NAMED: Mapping[str, Callable[[Delivery], Body]] = {
    "notification": _notification,
    "message": _message,
    "event": _event,
}
_ALL = ", ".join(f'"{name}"' for name in _NAMED)
