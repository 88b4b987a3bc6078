"""What is kept of a message that carries very many notifications: with each a message that holds that one alone.

Kept whole with each of them, a message of n notifications would take room and, whenever one is read, time by n squared.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from receiver import json_text
from receiver.notification import Notification, read, stored_envelope

_MOST_WHOLE = 10
"""Notifications of a message that is kept as it came with each of them: as many as a batch of SQS holds."""


def narrowed(notifications: Sequence[Notification], body: bytes) -> Iterable[tuple[Notification, bytes]]:
    """The notifications of an SNS message, each with the body to keep for it."""
    if len(notifications) <= _MOST_WHOLE:
        return [(each, body) for each in notifications]
    fields = json_text.parse(body)
    return [_alone(each, fields) or (each, body) for each in notifications]


def _alone(notification: Notification, fields: Mapping[str, Any]) -> tuple[Notification, bytes] | None:
    """The notification in a message of its own; None where it would not be read from there as it was."""
    inner = notification.document.get("message", "")
    try:
        text = inner if isinstance(inner, str) else json_text.compact(inner)
        body = orjson.dumps({**fields, "Message": text})
        again = read(stored_envelope(body))
        same = len(again) == 1 and again[0].document == notification.document
    except (ValueError, TypeError, RecursionError):
        return None
    return (notification._replace(part=0), body) if same else None
