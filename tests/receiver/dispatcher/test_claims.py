"""What is the daemon's own is known of every delivery, and without reading those that are not."""

from typing import Any

import pytest

from handlers.base import Delivery, Unread, unread
from receiver.dispatcher.claims import is_internal
from receiver.notification import INTERNAL_TOPIC

AMAZONS = "arn:aws:sns:us-east-1:123456789012:sp-api"


def delivery(document: Any) -> Delivery:
    return Delivery(7, "dlv_7", "orders", "erp", 1, None, 0.0, 0.0, document)


@pytest.mark.parametrize(
    ("document", "internal"),
    [
        ({"payload": {}, "topic": INTERNAL_TOPIC}, True),
        ({"payload": {}, "topic": AMAZONS}, False),
        ({"payload": {"topic": INTERNAL_TOPIC}, "topic": AMAZONS}, False),
        ({"message": {"topic": INTERNAL_TOPIC}}, False),
        ({"message": "router", "topic": INTERNAL_TOPIC}, True),
    ],
)
def test_read_or_not_the_answer_is_the_same(document: dict[str, Any], internal: bool) -> None:
    assert is_internal(delivery(document)) is internal
    assert is_internal(delivery(Unread.of(document))) is internal


def test_amazons_are_not_read_for_it() -> None:
    kept = delivery(Unread.of({"payload": {}, "topic": AMAZONS}))
    assert not is_internal(kept)
    assert unread(kept) is not None
