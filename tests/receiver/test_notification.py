"""The five shapes in which notifications reach a topic."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.notification import Envelope, asked_type, normal_type, read, read_stored
from receiver.times import parse_time

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-orders"


def envelope(message: str, **changes: Any) -> Envelope:
    return Envelope(**{"message": message, "message_id": "mid-1", "topic": TOPIC, "sent_at": 1700000000.0} | changes)


def eventbridge(detail: object) -> str:
    event = {
        "version": "0",
        "id": "cb5f5b2c-0000",
        "detail-type": "ORDER_CHANGE",
        "source": "aws.partner/sellingpartnerapi.amazon.com/123456789012/amzn1.sellerapps.app.1",
        "time": "2020-01-11T00:09:54Z",
        "detail": detail,
    }
    return json.dumps(event)


def sqs(*bodies: str) -> list[dict[str, str]]:
    return [{"messageId": f"sqs-{i}", "body": body, "eventSource": "aws:sqs"} for i, body in enumerate(bodies)]


@pytest.fixture
def order(shared: Path) -> str:
    return (shared / "spapi/notifications/ORDER_CHANGE.json").read_text()


def shapes(text: str) -> list[str]:
    return [
        text,
        eventbridge(json.loads(text)),
        json.dumps(sqs(text)[0]),
        json.dumps(sqs(text)),
        json.dumps({"Records": sqs(text)}),
        json.dumps(sqs(eventbridge(json.loads(text)))),
    ]


EXPECTED = {
    "ANY_OFFER_CHANGED": ("ANY_OFFER_CHANGED", "A3TH9S8BH6GOGM", "ATVPDKIKX0DER"),
    "BRANDED_ITEM_CONTENT_CHANGE": ("BRANDED_ITEM_CONTENT_CHANGE", "", "ATVPDKIKX0DER"),
    "DATA_KIOSK_QUERY_PROCESSING_FINISHED": ("DATA_KIOSK_QUERY_PROCESSING_FINISHED", "A21CXK3C4ERTY8", ""),
    "DETAIL_PAGE_TRAFFIC_EVENT": ("DETAIL_PAGE_TRAFFIC_EVENT", "A21CXK3C4ERTY8", "ATVPDKIKX0DER"),
    "FBA_OUTBOUND_SHIPMENT_STATUS": ("FBA_OUTBOUND_SHIPMENT_STATUS", "merchantId", ""),
    "FEED_PROCESSING_FINISHED-1": ("FEED_PROCESSING_FINISHED", "amzn1.vg.6213651", ""),
    "FEED_PROCESSING_FINISHED": ("FEED_PROCESSING_FINISHED", "A3TH9S8BH6GOGM", ""),
    "FEE_PROMOTION": ("FEE_PROMOTION", "AJH434853485", "ATIV93840DER"),
    "ITEM_INVENTORY_EVENT_CHANGE": ("ITEM_INVENTORY_EVENT_CHANGE", "A21CXK3C4ERTY8", "ATVPDKIKX0DER"),
    "LISTINGS_ITEM_ISSUES_CHANGE": ("LISTINGS_ITEM_ISSUES_CHANGE", "AXXXXXXXXXXXXX", "ATVPDKIKX0DER"),
    "LISTINGS_ITEM_ISSUES_CHANGE_2023-12-13": ("LISTINGS_ITEM_ISSUES_CHANGE", "AXXXXXXXXXXXXX", "ATVPDKIKX0DER"),
    "LISTINGS_ITEM_STATUS_CHANGE": ("LISTINGS_ITEM_STATUS_CHANGE", "A3AYAZLIQ7AX77", "ATVPDKIKX0DER"),
    "ORDER_CHANGE": ("ORDER_CHANGE", "A3TH9S8BH6GOGM", "ATVPDKIKX0DER"),
    "PRODUCT_TYPE_DEFINITIONS_CHANGE": ("PRODUCT_TYPE_DEFINITIONS_CHANGE", "AXXXXXXXXXXX", "ATVPDKIKX0DER"),
    "REPORT_PROCESSING_FINISHED-1": ("REPORT_PROCESSING_FINISHED", "amzn1.vg.6213651", ""),
    "REPORT_PROCESSING_FINISHED": ("REPORT_PROCESSING_FINISHED", "A3TH9S8BH6GOGM", ""),
    "SHIPMENT_TRACKING_MILESTONE_CHANGED": ("SHIPMENT_TRACKING_MILESTONE_CHANGED", "", ""),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_example_is_read_alike_in_every_shape(shared: Path, name: str) -> None:
    text = (shared / f"spapi/notifications/{name}.json").read_text()
    source = {key.lower(): value for key, value in json.loads(text).items()}
    metadata = {key.lower(): value for key, value in source["notificationmetadata"].items()}
    type_, seller, marketplace = EXPECTED[name]
    for shape in shapes(text):
        (found,) = read(envelope(shape))
        assert (found.type, found.seller_id, found.marketplace_id) == (type_, seller, marketplace)
        assert found.notification_id == metadata["notificationid"]
        assert found.dedup_key == "n:" + metadata["notificationid"]
        assert found.event_time == parse_time(source["eventtime"])
        assert found.version == source["payloadversion"]
        assert found.document["payload"] == source["payload"]
        assert found.document["event_time"] == source["eventtime"]


def test_no_example_is_left_out(shared: Path) -> None:
    assert {path.stem for path in (shared / "spapi/notifications").iterdir()} == set(EXPECTED)


def test_several_records_in_one_message_are_several_notifications(order: str) -> None:
    second = order.replace("d0e9e693", "ffffffff")
    found = read(envelope(json.dumps(sqs(order, second, "plain text"))))
    assert [each.part for each in found] == [0, 1, 2]
    assert len({each.dedup_key for each in found}) == 3
    assert found[2].dedup_key == "m:mid-1#2"


def test_short_form_takes_its_key_from_the_sns_message() -> None:
    text = json.dumps({"notificationType": "OrderStatusChange", "payload": {"amazonOrderId": "903-1"}})
    (found,) = read(envelope(text))
    assert (found.type, found.dedup_key, found.event_time) == ("ORDER_STATUS_CHANGE", "m:mid-1", 1700000000.0)
    assert found.document["payload"] == {"amazonOrderId": "903-1"}
    assert found.document["event_time"] == "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize(
    "text",
    ["hello", "", "{broken", "[]", "[1, 2]", "null", "42", '{"a": 1}', '{"Records": []}', '{"NotificationType": 7}'],
)
def test_anything_else_is_one_plain_notification(text: str) -> None:
    (found,) = read(envelope(text, subject="Alarm", attributes={"team": "stock"}))
    assert (found.type, found.dedup_key) == ("", "m:mid-1")
    assert found.document["subject"] == "Alarm"
    assert found.document["attributes"] == {"team": "stock"}
    assert "payload" not in found.document


def test_absent_fields_are_absent_from_the_document(order: str) -> None:
    (found,) = read(envelope(order))
    assert "subject" not in found.document
    assert "attributes" not in found.document


def test_offers_of_other_sellers_do_not_name_the_seller() -> None:
    payload = {"AnyOfferChangedNotification": {"Offers": [{"SellerId": "STRANGER"}], "Summary": {}}}
    (found,) = read(envelope(json.dumps({"NotificationType": "ANY_OFFER_CHANGED", "Payload": payload})))
    assert found.seller_id == ""


def test_a_list_that_disagrees_names_no_seller() -> None:
    payload = {"events": [{"accountId": "amzn1.merchant.o.A"}, {"accountId": "amzn1.merchant.o.B"}]}
    (found,) = read(envelope(json.dumps({"notificationType": "DETAIL_PAGE_TRAFFIC_EVENT", "payload": payload})))
    assert found.seller_id == ""


def test_wrappers_inside_wrappers_end(order: str) -> None:
    text = order
    for _ in range(8):
        text = json.dumps(sqs(text)[0])
    (found,) = read(envelope(text))
    assert found.type == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ORDER_CHANGE", "ORDER_CHANGE"),
        ("OrderStatusChange", "ORDER_STATUS_CHANGE"),
        ("orderStatusChange", "ORDER_STATUS_CHANGE"),
        ("FBAOutboundShipmentStatus", "FBA_OUTBOUND_SHIPMENT_STATUS"),
        ("B2B_ANY_OFFER_CHANGED", "B2B_ANY_OFFER_CHANGED"),
        ("order-change", "ORDER_CHANGE"),
        ("", ""),
        ("B2BAnyOfferChanged", "B2B_ANY_OFFER_CHANGED"),
    ],
)
def test_types_are_upper_snake(name: str, expected: str) -> None:
    assert normal_type(name) == expected
    assert asked_type(name) == expected


def test_the_daemon_s_own_types_are_asked_for_as_they_are() -> None:
    assert asked_type("router.alert.oldest_delivery") == "router.alert.oldest_delivery"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-11T00:09:53.109Z", 1578701393.109),
        ("2020-01-11T01:09:53.109+01:00", 1578701393.109),
        ("2020-01-11T00:09:53.109", 1578701393.109),
        ("yesterday", None),
        (None, None),
        (12, None),
    ],
)
def test_times(text: object, expected: float | None) -> None:
    assert parse_time(text) == (pytest.approx(expected) if expected is not None else None)


def test_what_was_kept_reads_as_what_came(order: str) -> None:
    body = json.dumps(
        {
            "Type": "Notification",
            "MessageId": "mid-1",
            "TopicArn": TOPIC,
            "Subject": "S",
            "Message": json.dumps(sqs("x", order)),
            "Timestamp": "2023-11-14T22:13:20.000Z",
            "MessageAttributes": {"team": {"Type": "String", "Value": "stock"}},
        }
    ).encode()
    found = read_stored(body, 1)
    assert (found.type, found.part, found.envelope.sent_at) == ("ORDER_CHANGE", 1, 1700000000.0)
    assert found.document["attributes"] == {"team": "stock"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Records",
                    "body",
                    "eventSource",
                    "detail",
                    "detail-type",
                    "NotificationType",
                    "Payload",
                    "payload",
                    "NotificationMetadata",
                    "NotificationId",
                    "SellerId",
                    "EventTime",
                    "notificationType",
                    "accountId",
                ]
            ),
            inner | st.just("aws:sqs"),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_no_message_raises_and_each_has_a_key_of_its_own(value: object) -> None:
    found = read(envelope(json.dumps(value)))
    assert found
    assert [each.part for each in found] == list(range(len(found)))
    assert all(isinstance(each.type, str) and each.dedup_key for each in found)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert len(read(envelope(text))) >= 1
