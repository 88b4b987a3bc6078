"""Reading notifications out of a message: no text raises, and the wrappers around a notification change nothing.

What SNS signed may still hold anything. Of whatever it holds, reading it from the inbox gives the same as reading it
at the door, the same notification in an EventBridge event or an SQS record is the same notification, and no type from
outside can be taken for one of the daemon's own.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from hypothesis import strategies as st

from handlers.base import Template
from receiver.notification import Envelope, Notification, read, read_stored
from receiver.rules import OnceRule, Pattern, Rule, Table
from tests.fuzz.target import Target, text_of

Read = Callable[[Envelope], list[Notification]]

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api"
_SENT_AT = 1772827226.893
_TYPE = re.compile(r"[A-Z0-9_]*")
_SELLER = frozenset({"SellerId", "sellerId", "MerchantId", "merchantId"})
_ACCOUNT = frozenset({"AccountId", "accountId"})
_MARKETPLACE = frozenset({"MarketplaceId", "marketplaceId"})
_TABLE = Table(
    [
        Rule("typed", Pattern.parse({"type": [{"prefix": "O"}]}), ("a",), key=Template.parse("{seller_id}")),
        Rule("deep", Pattern.parse({"payload": {"a": {"b": [{"exists": True}]}}}), ("b",)),
        Rule(
            "none", Pattern.parse({"payload": {"a": [{"exists": False}]}}), ("c",), key=Template.parse("{payload.0.x}")
        ),
        Rule("once", None, ("d",), once=OnceRule(Template.parse("{message|default=none}"), 60.0)),
    ]
)


class EnvelopeOracle:
    """`read` and what must hold of whatever it gives."""

    def __init__(self, subject: Read = read) -> None:
        self._read = subject

    def check(self, data: bytes) -> None:
        """A message's text."""
        text = text_of(data)
        found = self._read(_envelope(text))
        assert found, "no notification"
        assert [each.part for each in found] == list(range(len(found))), "parts out of order"
        stored = orjson.dumps(_sns_message(text))
        for each in found[:20]:
            self._sound(each)
            assert read_stored(stored, each.part) == each, "the inbox reads something else"
            assert len(_TABLE.route(each)) >= 1, "the rule without a pattern did not match"
        self._wrappers(text, found)

    @staticmethod
    def _sound(each: Notification) -> None:
        assert _TYPE.fullmatch(each.type), f"type {each.type!r}"
        assert each.dedup_key.startswith(("n:", "m:")), each.dedup_key
        assert each.dedup_key == f"n:{each.notification_id}" or not each.notification_id, (
            "not the notification's own key"
        )
        assert "router" not in each.document["topic"], "a topic of the daemon's own"
        assert None not in (each.document.get(name, "") for name in ("type", "seller_id", "marketplace_id", "metadata"))
        orjson.dumps(each.document)
        seller, marketplace = identities(each.document.get("payload"))
        assert each.seller_id == seller, f"seller {each.seller_id!r}, not {seller!r}"
        assert each.marketplace_id == marketplace, f"marketplace {each.marketplace_id!r}, not {marketplace!r}"

    def _wrappers(self, text: str, found: list[Notification]) -> None:
        body = _notification_in(text)
        if body is None or len(found) != 1:
            return
        record = {"messageId": "1", "eventSource": "aws:sqs", "body": text}
        for wrapped, count in [
            ({"version": "0", "detail-type": "x", "detail": body}, 1),
            (record, 1),
            ([record, record], 2),
            ({"Records": [record]}, 1),
        ]:
            try:
                read_back = self._read(_envelope(orjson.dumps(wrapped).decode()))
            except orjson.JSONEncodeError:
                return
            assert len(read_back) == count, f"{len(read_back)} notifications in {count} wrapped"
            for each in read_back:
                assert _of(each) == _of(found[0]), "the wrapper changed the notification"


def identities(payload: Any) -> tuple[str, str]:
    """Seller and marketplace of a payload: the shallowest of four levels, else that of lists where all agree."""
    if not isinstance(payload, dict):
        return "", ""
    lists = [item for value in payload.values() if isinstance(value, list) for item in value]
    seller = _shallowest(payload, _SELLER) or _shallowest(payload, _ACCOUNT)
    marketplace = _shallowest(payload, _MARKETPLACE)
    seller = seller or _agreed(lists, _SELLER) or _agreed(lists, _ACCOUNT)
    return seller.removeprefix("amzn1.merchant.o."), marketplace or _agreed(lists, _MARKETPLACE)


def _shallowest(payload: dict[str, Any], names: frozenset[str]) -> str:
    named = (value for level in _levels(payload, 4) for name, value in level if name in names)
    return next((value for value in named if isinstance(value, str) and value), "")


def _levels(fields: dict[str, Any], most: int) -> Iterator[list[tuple[str, Any]]]:
    level = [fields]
    for _ in range(most):
        pairs = [pair for each in level for pair in each.items()]
        yield pairs
        level = [value for _, value in pairs if isinstance(value, dict)]


def _agreed(items: list[Any], names: frozenset[str]) -> str:
    named = [
        [v for n, v in item.items() if n in names and isinstance(v, str) and v] if isinstance(item, dict) else []
        for item in items
    ]
    firsts = {values[0] if values else "" for values in named}
    return firsts.pop() if len(firsts) == 1 else ""


def _of(each: Notification) -> tuple[Any, ...]:
    document = {name: each.document.get(name) for name in ("payload", "metadata", "message", "event_time")}
    return each.type, each.version, each.notification_id, each.seller_id, each.marketplace_id, each.event_time, document


def _notification_in(text: str) -> dict[str, Any] | None:
    """The object in a text, if it is a bare notification."""
    try:
        body = orjson.loads(text)
    except ValueError:
        return None
    if not isinstance(body, dict) or {"Records", "detail-type", "body"} & body.keys():
        return None
    types = (body.get("NotificationType"), body.get("notificationType"))
    said = types[0] if types[0] is not None else types[1]
    return body if isinstance(said, str) and text.lstrip(" \t\r\n").startswith("{") else None


def _envelope(text: str) -> Envelope:
    return Envelope(text, "id-1", TOPIC, _SENT_AT)


def _sns_message(text: str) -> dict[str, Any]:
    return {"Message": text, "MessageId": "id-1", "TopicArn": TOPIC, "Timestamp": "2026-03-06T20:00:26.893Z"}


_NAMES = st.sampled_from(
    [
        *("NotificationType", "notificationType", "Payload", "payload", "NotificationMetadata", "NotificationId"),
        *("SellerId", "sellerId", "MarketplaceId", "AccountId", "merchantId", "EventTime", "eventTime", "a", "b"),
        *("Records", "body", "eventSource", "detail-type", "detail", "PayloadVersion", "", "a.b"),
    ]
)
_VALUES = st.sampled_from(
    [
        *("ORDER_CHANGE", "OrderStatusChange", "order change", "router.unrouted", "ROUTER.UNROUTED", "Ünï", "\x00", ""),
        *(
            "aws:sqs",
            "{}",
            "[",
            "amzn1.merchant.o.A1",
            "A1",
            "2026-01-01T00:00:00Z",
            "2026-13-01",
            "0001-01-01T00:00:00+23:59",
        ),
        *(None, True, 0, -1.5, 10**30),
    ]
)
_BODIES = st.recursive(
    _VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=12,
)


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    body = draw(_BODIES)
    if draw(st.booleans()):
        names = ["Payload", "NotificationMetadata", "EventTime"]
        body = {"NotificationType": draw(_VALUES)} | {name: draw(_BODIES) for name in names if draw(st.booleans())}
    for _ in range(draw(st.integers(0, 5))):
        text = json.dumps(body)
        shape = draw(st.integers(0, 3))
        record = {"eventSource": "aws:sqs", "body": text}
        body = [record, [record], {"Records": [record, body]}, {"detail-type": "x", "detail": body}][shape]
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode()


TARGET = Target(
    "envelope",
    EnvelopeOracle().check,
    _messages() | st.binary(max_size=60),
    (
        *(
            '{"NotificationType":"',
            '"Payload":{',
            '"NotificationMetadata":{"NotificationId":"',
            '"SellerId":"',
            '"EventTime":"',
        ),
        *(
            '{"Records":[',
            '"eventSource":"aws:sqs"',
            '"body":"',
            '"detail-type":"x"',
            '"detail":{',
            "router.",
            "amzn1.merchant.o.",
        ),
    ),
)
