"""What a notification can be found by: the identifiers in its message. Pure.

Sources: SP-API Notifications API v1 guide (names of payload fields), Orders API (3-7-7 order ids).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from receiver.notification import Notification, read_stored

MOST = 200
"""Identifiers of one notification that are indexed; what lies beyond is found by its text."""
LONGEST = 80
"""Characters of an identifier."""
_MOST_VALUES = 20_000
_LONGEST_TEXT = 2_000
_ORDER = re.compile(r"(?<![\w-])[0-9]{3}-[0-9]{7}-[0-9]{7}(?![\w-])")
_ASIN = re.compile(r"(?<![\w-])B0[0-9A-Z]{8}(?![\w-])")
_NOT_LETTER = re.compile(r"[^a-z]+")
_ENDINGS = (
    ("orderid", "order"),
    ("asin", "ASIN"),
    ("sku", "SKU"),
    ("reportid", "report"),
    ("feedid", "feed"),
    ("queryid", "query"),
    ("shipmentid", "shipment"),
    ("trackingid", "tracking"),
    ("trackingnumber", "tracking"),
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name of something that a notification is about."""

    kind: str
    """`order`, `ASIN`, `SKU`, `report`, `feed`, `query`, `shipment`, `tracking` or `seller`."""
    value: str


def fold(value: str) -> str:
    """The form in which identifiers are compared: people type SKUs and ASINs in any case."""
    return value.strip().casefold()


def identifiers(notification: Notification) -> list[Identifier]:
    """What a notification is about, each once, the first `MOST` in the order of its message; the seller is first."""
    found: dict[Identifier, None] = {}
    if notification.seller_id:
        found[Identifier("seller", notification.seller_id[:LONGEST])] = None
    document = notification.document
    for part in (document.get("message"), document.get("subject")):
        for identifier in _within(part):
            found[identifier] = None
            if len(found) >= MOST:
                return list(found)
    return list(found)


def stored_identifiers(body: bytes, part: int) -> list[Identifier]:
    """What part `part` of a kept SNS message is about, nothing where it cannot be read."""
    try:
        return identifiers(read_stored(body, part))
    except (ValueError, LookupError, TypeError, AttributeError):
        return []


def _within(value: Any) -> Iterator[Identifier]:
    """The identifiers in a JSON value, or in a text that is none."""
    if isinstance(value, str):
        yield from (Identifier("ASIN", asin) for asin in _ASIN.findall(value[:_LONGEST_TEXT]))
    left = _MOST_VALUES
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting and left:
        left -= 1
        kind, item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend((_kind(name), each) for name, each in reversed(tuple(item.items())))
        elif isinstance(item, list):
            waiting.extend((kind, each) for each in reversed(item))
        elif isinstance(item, str | int):
            yield from _named(kind, item)


def _named(kind: str, item: str | int) -> Iterator[Identifier]:
    """The identifier that a field of a known name holds, or the order ids in any other."""
    text = str(item)
    if kind and not isinstance(item, bool) and 0 < len(text.strip()) <= LONGEST:
        yield Identifier(kind, text.strip())
    elif "-" in text:
        yield from (Identifier("order", order) for order in _ORDER.findall(text[:_LONGEST_TEXT]))


@lru_cache(maxsize=4096)
def _kind(name: str) -> str:
    """Which kind of identifier a field of a name holds, nothing for most."""
    letters = _NOT_LETTER.sub("", name.lower())
    return next((kind for ending, kind in _ENDINGS if letters.endswith(ending)), "")
