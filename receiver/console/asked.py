"""What a request asks for: filters and places in a listing, out of the address or a form. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from handlers.base import parse_duration
from receiver.errors import RouterError
from receiver.inbox import DeliveryFilter, NotificationFilter, State
from receiver.inbox.search import Search
from receiver.notification import asked_type
from receiver.times import parse_time

PAGE = 50
_LARGEST = 1 << 62
_LONGEST = 500


class BadQuestion(RouterError):
    """A field of a form or an address that cannot be read."""


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field without blanks around it, empty where there is none. Raises BadQuestion."""
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise BadQuestion(f"{name} is too long: {_LONGEST} characters are the most")
    return value.strip()


def number_of(fields: Mapping[str, Any], name: str) -> int | None:
    """A whole number, None where there is none. Raises BadQuestion."""
    text = text_of(fields, name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) < _LARGEST):
        raise BadQuestion(f"{name} is {text!r}, and must be a whole number")
    return int(text)


def moment_of(fields: Mapping[str, Any], name: str, now: float) -> float | None:
    """A time, written as one or as an age like `2h`, None where there is none. Raises BadQuestion."""
    text = text_of(fields, name)
    if not text:
        return None
    moment = parse_time(text)
    if moment is not None:
        return moment
    try:
        return now - parse_duration(text)
    except ValueError:
        raise BadQuestion(f"{name} is {text!r}: write an age like 2h or 7d, or a time like 2026-03-06T20:00Z") from None


def search_of(fields: Mapping[str, Any], now: float) -> Search:
    """What is looked for. Raises BadQuestion."""
    kind = text_of(fields, "type")
    which = NotificationFilter(
        type=asked_type(kind) if kind else None,
        seller_id=text_of(fields, "seller") or None,
        topic=text_of(fields, "topic") or None,
        unrouted=True if text_of(fields, "unrouted") else None,
        since=moment_of(fields, "since", now),
        until=moment_of(fields, "until", now),
        before_id=number_of(fields, "before"),
        limit=PAGE,
    )
    return Search(text_of(fields, "q"), which, whole=bool(text_of(fields, "whole")))


def dead_of(fields: Mapping[str, Any], now: float) -> DeliveryFilter:
    """Which dead deliveries. Raises BadQuestion."""
    kind = text_of(fields, "type")
    return DeliveryFilter(
        states=(State.DEAD,),
        rule=text_of(fields, "rule") or None,
        handler=text_of(fields, "handler") or None,
        type=asked_type(kind) if kind else None,
        key=text_of(fields, "key") or None,
        since=moment_of(fields, "since", now),
        until=moment_of(fields, "until", now),
        before_id=number_of(fields, "before"),
        limit=PAGE,
    )


def address(path: str, fields: Mapping[str, Any], **changed: Any) -> str:
    """A path with the fields of a question, some of them changed; empty ones are left out."""
    kept = {name: value for name, value in {**fields, **changed}.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path
