"""From a claim of the inbox to the delivery that a handler sees."""

import re
from typing import Any

from handlers.base import Delivery, unread
from receiver import json_text
from receiver.errors import RouterError
from receiver.inbox.store import Claim
from receiver.notification import INTERNAL_TOPIC, read_stored

_NAMES_INTERNAL = f'"topic":"{INTERNAL_TOPIC}"'.encode()
"""Stands in the JSON of each notification of the daemon's own: one without it need not be read to know."""

_SELLER = re.compile(rb'"seller_id":"([^"\\]+)"')
"""The first of that name is the document's own where it has one: it stands before the payload."""


class Unreadable(RouterError):
    """A notification that was kept cannot be read again: the inbox is damaged, or another version wrote it."""


def delivery_of(claim: Claim) -> Delivery:
    """The delivery of a claim, with the result of the handler before as `result`. Raises Unreadable."""
    try:
        document = claim.document
        if document is None:
            document = read_stored(claim.notification_body, claim.notification_part).document
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Unreadable(
            f"notification {claim.notification_id} cannot be read from the inbox ({type(error).__name__}: {error}); "
            f"see `spapi-router inbox show {claim.notification_id}`"
        ) from None
    if claim.body is not None:
        document = {**document, "result": _parsed(claim.body)}
    return Delivery(
        id=claim.id,
        webhook_id=claim.webhook_id,
        rule=claim.rule,
        handler=claim.handler,
        attempt=claim.attempt,
        key=claim.key,
        event_time=claim.event_time,
        created_at=claim.created_at,
        document=document,
        body=claim.body,
        notification=claim.notification_id,
    )


def is_internal(delivery: Delivery) -> bool:
    """Whether the daemon raised the notification itself (`router.*`): such a delivery raises no further ones."""
    kept = unread(delivery)
    if kept is not None and _NAMES_INTERNAL not in kept.sent:
        return False
    return delivery.document.get("topic") == INTERNAL_TOPIC


def seller_of(delivery: Delivery) -> str:
    """The seller that the notification names, empty where it names none."""
    kept = unread(delivery)
    if kept is None:
        return str(delivery.document.get("seller_id", ""))
    found = _SELLER.search(kept.sent)
    return found[1].decode() if found else ""


def _parsed(body: bytes) -> Any:
    try:
        return json_text.parse(body)
    except ValueError:
        return body.decode("utf-8", "replace")
