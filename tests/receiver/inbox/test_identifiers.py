"""What notifications are found by: taken from Amazon's own examples, and never raising."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.inbox.identifiers import LONGEST, MOST, Identifier, identifiers, stored_identifiers
from receiver.notification import Envelope, read


def found_in(message: Any, subject: str | None = None) -> set[tuple[str, str]]:
    text = message if isinstance(message, str) else json.dumps(message)
    (notification,) = read(Envelope(text, "id", "arn:aws:sns:us-east-1:123456789012:t", 0.0, subject))
    return {(each.kind, each.value) for each in identifiers(notification)}


EXPECTED = {
    "ORDER_CHANGE": {("seller", "A3TH9S8BH6GOGM"), ("order", "903-8868176-2219830"), ("SKU", "SellerSKUID1")},
    "ANY_OFFER_CHANGED": {("seller", "A3TH9S8BH6GOGM"), ("ASIN", "123")},
    "ITEM_INVENTORY_EVENT_CHANGE": {("seller", "A21CXK3C4ERTY8"), ("ASIN", "B00032HE0O"), ("ASIN", "B00094A20U")},
    "FBA_OUTBOUND_SHIPMENT_STATUS": {
        ("seller", "merchantId"),
        ("order", "113-2646096-4474645"),
        ("shipment", "DrLqQwqvb"),
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_amazons_examples_name_what_they_are_about(shared: Path, name: str) -> None:
    found = found_in((shared / f"spapi/notifications/{name}.json").read_text())
    assert found >= EXPECTED[name]


def test_a_report_is_found_by_its_id(shared: Path) -> None:
    example = json.loads((shared / "spapi/notifications/REPORT_PROCESSING_FINISHED.json").read_text())
    payload = next(iter(example.get("Payload", example.get("payload")).values()))
    value = payload.get("reportId") or payload.get("ReportId")
    assert ("report", value) in found_in(example)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("order 903-8868176-2219830 of B0ABCD1234, please", {("order", "903-8868176-2219830"), ("ASIN", "B0ABCD1234")}),
        ({"note": "see 903-8868176-2219830 and 113-2646096-4474645"}, 2),
        ({"seller-sku": "  blue shirt / L "}, {("SKU", "blue shirt / L")}),
        ({"merchant_order_id": 77}, {("order", "77")}),
        ({"orderId": True, "asin": "", "sku": None}, set()),
        ({"asin": "x" * (LONGEST + 1)}, set()),
        ({"phone": "1903-8868176-22198301"}, set()),
        ([], set()),
    ],
)
def test_identifiers_of(message: Any, expected: Any) -> None:
    found = found_in(message)
    assert len(found) == expected if isinstance(expected, int) else found == expected


def test_a_subject_counts_too() -> None:
    assert found_in("hello", "Order 903-8868176-2219830") == {("order", "903-8868176-2219830")}


def test_a_huge_message_gives_so_many_and_no_more() -> None:
    assert len(found_in({"items": [{"sku": f"s{number}"} for number in range(10 * MOST)]})) == MOST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["asin", "SellerSKU", "orderId", "x", ""]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_message_raises_and_every_identifier_is_short(message: Any) -> None:
    assert all(0 < len(value) <= LONGEST for _, value in found_in({"Payload": message}))


@given(st.binary(max_size=200), st.integers(-1, 3))
def test_no_stored_body_raises(body: bytes, part: int) -> None:
    assert all(isinstance(each, Identifier) for each in stored_identifiers(body, part))
