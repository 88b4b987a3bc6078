import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.base import Delivery, Done, Unread
from handlers.bodies import body_of
from handlers.unread import unread

Deliver = Callable[..., Delivery]

DOCUMENT = {
    "type": "ORDER_CHANGE",
    "seller_id": "A1",
    "payload": {"OrderChangeNotification": {"AmazonOrderId": "111-2223334-5556667"}},
    "message": {"NotificationType": "ORDER_CHANGE"},
}

NAMES = st.sampled_from(["type", "payload", "metadata", "topic", "message", "subject"]) | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_infinity=False, allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def made(document: Any) -> Delivery:
    return Delivery(7, "dlv_7", "orders", "erp", 1, None, 0.0, 0.0, document)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_what_is_read_and_what_is_sent_are_those_of_the_document(document: dict[str, Any]) -> None:
    kept, plain = made(Unread.of(document)), made(document)
    assert body_of(kept) == body_of(plain)
    assert unread(plain) is None
    assert type(kept.document) is dict
    assert kept == plain
    assert body_of(kept) == body_of(plain)


def test_a_document_is_read_once_and_only_when_it_is_looked_at(delivery: Deliver) -> None:
    kept = delivery(Unread.of(DOCUMENT))
    body_of(kept)
    assert unread(kept) is not None
    first = kept.document
    assert first == DOCUMENT
    assert kept.document is first
    assert unread(kept) is None


def test_what_a_handler_changes_is_sent(delivery: Deliver) -> None:
    kept = delivery(Unread.of(DOCUMENT))
    document: Any = kept.document
    document["type"] = "CHANGED"
    assert b'"CHANGED"' in body_of(kept).data


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it)), replace])
def test_a_delivery_can_be_copied(delivery: Deliver, copied: Callable[[Delivery], Delivery]) -> None:
    assert copied(delivery(Unread.of(DOCUMENT))) == delivery(DOCUMENT)
    assert repr(copied(delivery(Unread.of(DOCUMENT)))) == repr(delivery(DOCUMENT))


def test_an_unread_document_is_a_mapping_that_passes_between_processes() -> None:
    document = pickle.loads(pickle.dumps(Unread.of(DOCUMENT)))
    assert list({**document, "result": 1}.items()) == list({**DOCUMENT, "result": 1}.items())
    assert (document["type"], len(document), "payload" in document) == ("ORDER_CHANGE", len(DOCUMENT), True)


def test_what_cannot_be_written_is_said() -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    with pytest.raises(TypeError):
        Unread.of({"payload": deep})


async def test_forwarding_reads_a_document_for_its_templates_alone(sink: Any, make: Any, delivery: Deliver) -> None:
    plain = await make("forward", url=sink.url(), allow_private=True)
    templates = await make("forward", url=sink.url(), headers={"X-Seller": "{seller_id}"}, allow_private=True)
    passed, looked_at = delivery(Unread.of(DOCUMENT)), delivery(Unread.of(DOCUMENT))
    assert isinstance(await plain.handle(passed), Done)
    assert isinstance(await templates.handle(looked_at), Done)
    assert [unread(passed) is None, unread(looked_at) is None] == [False, True]
    assert sink.arrivals[0].body == sink.arrivals[1].body
    assert sink.arrivals[1].headers["X-Seller"] == "A1"
