import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from handlers.base import Delivery, TemplateError
from handlers.bodies import Body, BodyChoice, body_of, parse_choice

TOPIC = "arn:aws:sns:eu-west-1:123456789012:sp-api-orders"
ORDER = {
    "type": "ORDER_CHANGE",
    "version": "1.0",
    "event_time": "2026-03-01T10:00:00.000Z",
    "notification_id": "n-1",
    "payload": {"OrderChangeNotification": {"AmazonOrderId": "111-1", "Count": 3}},
    "topic": TOPIC,
    "message": {"NotificationType": "ORDER_CHANGE", "Payload": {"é": [1.5, None]}},
}
PLAIN = {"type": "", "event_time": "2026-03-01T10:00:00.000Z", "topic": TOPIC, "message": "stock of A is low"}
INTERNAL = {"type": "router.delivery_dead", "event_time": "2026-03-01T10:00:00.000Z", "payload": {"delivery": 7}}


def delivery(document: Mapping[str, Any], body: bytes | None = None) -> Delivery:
    return Delivery(
        id=1,
        webhook_id="dlv_1",
        rule="r",
        handler="h",
        attempt=1,
        key=None,
        event_time=0.0,
        created_at=0.0,
        document=document,
        body=body,
    )


def loaded(body: Body) -> Any:
    assert body.content_type == "application/json"
    return json.loads(body.data)


def test_the_default_is_the_notification_without_amazons_message() -> None:
    assert loaded(body_of(delivery(ORDER))) == {name: value for name, value in ORDER.items() if name != "message"}


def test_what_has_no_payload_keeps_its_message() -> None:
    assert loaded(body_of(delivery(PLAIN), "notification")) == PLAIN


@pytest.mark.parametrize(
    ("result", "content_type"),
    [
        (b'{ "a" : 1 }\n', "application/json"),
        (b'"text"', "application/json"),
        ("größe\tpreis\n".encode(), "text/plain; charset=utf-8"),
        (b"", "text/plain; charset=utf-8"),
        ("größe".encode("cp1252"), "application/octet-stream"),
        (b"\x1f\x8b\x00\x00", "application/octet-stream"),
        (b"PK\x00text", "application/octet-stream"),
    ],
)
def test_in_a_chain_the_default_is_the_result_byte_for_byte(result: bytes, content_type: str) -> None:
    assert body_of(delivery(ORDER | {"result": {"a": 1}}, result)) == Body(result, content_type)


def test_in_a_chain_a_named_body_is_what_it_says() -> None:
    chained = delivery(ORDER | {"result": {"a": 1}}, b'{"a":1}')
    assert loaded(body_of(chained, "notification")) == loaded(body_of(delivery(ORDER)))
    assert loaded(body_of(chained, parse_choice({"price": "{result.a}"}))) == {"price": 1}


def test_the_message_is_what_amazon_sent() -> None:
    assert loaded(body_of(delivery(ORDER), "message")) == ORDER["message"]
    assert body_of(delivery(PLAIN), "message") == Body(b"stock of A is low", "text/plain; charset=utf-8")
    assert loaded(body_of(delivery(INTERNAL), "message")) == {"delivery": 7}


def test_an_event_is_laid_out_as_eventbridge_does() -> None:
    assert loaded(body_of(delivery(ORDER), "event")) == {
        "version": "0",
        "id": "n-1",
        "detail-type": "ORDER_CHANGE",
        "source": "aws.partner/sellingpartnerapi.amazon.com",
        "account": "",
        "time": "2026-03-01T10:00:00.000Z",
        "region": "eu-west-1",
        "resources": [TOPIC],
        "detail": ORDER["message"],
    }


@pytest.mark.parametrize(("document", "detail"), [(PLAIN, "stock of A is low"), (INTERNAL, {"delivery": 7})])
def test_an_event_of_what_is_not_spapis_does_not_pretend_to_be(document: dict[str, Any], detail: Any) -> None:
    event = loaded(body_of(delivery(document), "event"))
    assert (event["id"], event["source"], event["detail"]) == ("dlv_1", "spapi-router", detail)


def test_a_table_of_templates_renders_as_json_with_types() -> None:
    choice = parse_choice({"id": "{payload.OrderChangeNotification.AmazonOrderId}", "n": ["{payload}", 1, True]})
    assert loaded(body_of(delivery(ORDER), choice)) == {"id": "111-1", "n": [ORDER["payload"], 1, True]}


def test_a_text_template_renders_as_text() -> None:
    body = body_of(delivery(ORDER), parse_choice("order {payload.OrderChangeNotification.AmazonOrderId} geändert"))
    assert body == Body("order 111-1 geändert".encode(), "text/plain; charset=utf-8")


def test_a_template_of_one_field_renders_its_value_as_json() -> None:
    assert loaded(body_of(delivery(ORDER), parse_choice("{payload}"))) == ORDER["payload"]


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"payload\.Nothing"):
        body_of(delivery(ORDER), parse_choice({"a": "{payload.Nothing}"}))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("notifcation", "did you mean 'notification'?"),
        ("everything", 'use "notification", "message", "event", or a template that takes a {field}'),
        (7, "7 is not a body"),
        ({"a": {"b": "{payload"}}, "a.b: template"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_with_the_cure(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("{", r"\{").replace("?", r"\?")):
        TypeAdapter(BodyChoice).validate_python(value)
