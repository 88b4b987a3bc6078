import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.errors import BadMessage, NotAuthentic, Refused
from receiver.sns.parsing import parse
from receiver.sns.signature import text_to_sign

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon

PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL",
    "Subject", "Token", "SubscribeURL", "UnsubscribeURL", "SequenceNumber", "MessageAttributes",
]  # fmt: skip


def encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def test_a_notification_is_read(amazon: "Amazon") -> None:
    body = amazon.body(Subject="Hello", MessageAttributes={"a": {"Type": "String", "Value": "1"}}, Future={"x": [1]})
    message = parse(body, {})
    assert (message.type, message.message_id) == ("Notification", "9d2c5580-b61d-550c-8583-37a582870907")
    assert message.topic.text == amazon.topic
    assert message.timestamp == amazon.now
    assert message.body == body


def test_the_real_messages_are_read_and_their_text_is_what_sns_documents(shared: Path) -> None:
    for file in (shared / "sns").glob("*.json"):
        fields = json.loads(file.read_bytes())
        message = parse(file.read_bytes(), {"x-amz-sns-message-type": fields["Type"]})
        lines = text_to_sign(message.type, message.fields).decode()
        assert lines.startswith(f"Message\n{fields['Message']}\nMessageId\n{fields['MessageId']}\n")
        assert lines.endswith(f"TopicArn\n{fields['TopicArn']}\nType\n{fields['Type']}\n")
        assert ("Subject\n" in lines) == ("Subject" in fields)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=20) | st.text(st.characters(max_codepoint=0xA0), max_size=20))
def test_a_subject_has_no_control_characters_of_ascii_and_any_others(amazon: "Amazon", subject: str) -> None:
    body = encoded(amazon.notification(Subject=subject))
    if any(character < " " or character == "\x7f" for character in subject):
        with pytest.raises(BadMessage, match="Subject is not a string without control characters"):
            parse(body, {})
    else:
        assert parse(body, {}).fields["Subject"] == subject


@pytest.mark.parametrize("name", FIELDS[:8])
@pytest.mark.parametrize("value", [None, 1, True, 1.5, [], {}, ["x"]])
@pytest.mark.parametrize("kind", ["notification", "confirmation"])
def test_every_field_is_a_string(amazon: "Amazon", kind: str, name: str, value: Any) -> None:
    fields = getattr(amazon, kind)()
    with pytest.raises(BadMessage) as raised:
        parse(encoded(fields | {name: value}), {})
    assert name in raised.value.detail
    del fields[name]
    with pytest.raises(BadMessage, match="missing"):
        parse(encoded(fields), {})


@pytest.mark.parametrize("name", ["Token", "SubscribeURL"])
@pytest.mark.parametrize("value", [None, 1, "", "a b", "a\nb", "é", "a" * 5000])
def test_a_confirmation_has_token_and_url(amazon: "Amazon", name: str, value: Any) -> None:
    fields = amazon.confirmation()
    with pytest.raises(BadMessage, match=name):
        parse(encoded(fields | {name: value}), {})
    del fields[name]
    with pytest.raises(BadMessage, match=f"{name} is missing"):
        parse(encoded(fields), {})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("notification", "Subject", None),
        ("notification", "Subject", 1),
        ("notification", "Subject", "two\nlines"),
        ("notification", "Subject", "nul\x00"),
        ("notification", "Token", "abc"),
        ("notification", "SubscribeURL", "https://sns.us-west-2.amazonaws.com/"),
        ("notification", "UnsubscribeURL", {}),
        ("notification", "SequenceNumber", 1),
        ("notification", "MessageAttributes", None),
        ("notification", "MessageAttributes", "x"),
        ("notification", "MessageAttributes", {"a": "b"}),
        ("notification", "MessageAttributes", {"a": {"Type": "String"}}),
        ("notification", "MessageAttributes", {"a": {"Type": "Number", "Value": 1}}),
        ("notification", "MessageId", ""),
        ("notification", "MessageId", "a\nSubject\nb"),
        ("notification", "MessageId", "a" * 65),
        ("notification", "Type", "notification"),
        ("notification", "Type", "Notification\n"),
        ("notification", "TopicArn", "arn:aws:sns:us-west-2:1:a"),
        ("confirmation", "Subject", "Hello"),
    ],
)
def test_unsuitable_fields_are_refused(amazon: "Amazon", kind: str, name: str, value: Any) -> None:
    with pytest.raises(BadMessage) as raised:
        parse(encoded(getattr(amazon, kind)() | {name: value}), {})
    assert name in raised.value.detail
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-06-01",
        "2026-06-01T12:00:00",
        "2026-06-01T12:00:00+00:00",
        "2026-06-01 12:00:00Z",
        "2026-06-01T12:00:00.0Z",
        "2026-06-01T12:00:00.000Z\n",
        "2026-13-01T12:00:00.000Z",
        "2026-02-30T12:00:00.000Z",
        "2026-06-01T12:00:60.000Z",
        "2026-06-01T25:00:00.000Z",
        "0000-06-01T12:00:00.000Z",
        "٢٠٢٦-06-01T12:00:00.000Z",
        "1780315200",
        "now",
    ],
)
def test_a_timestamp_is_utc_in_sns_own_form(amazon: "Amazon", text: str) -> None:
    with pytest.raises(BadMessage, match="Timestamp"):
        parse(encoded(amazon.notification() | {"Timestamp": text}), {})


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-amz-sns-message-type", "SubscriptionConfirmation"),
        ("x-amz-sns-message-type", ""),
        ("x-amz-sns-message-id", "9d2c5580-b61d-550c-8583-37a582870908"),
        ("x-amz-sns-topic-arn", "arn:aws:sns:us-west-2:123456789012:other"),
    ],
)
def test_headers_and_body_must_agree(amazon: "Amazon", header: str, value: str) -> None:
    with pytest.raises(BadMessage) as raised:
        parse(amazon.body(), {header: value})
    assert raised.value.reason == "headers"
    assert header in raised.value.detail


def test_headers_that_agree_pass(amazon: "Amazon") -> None:
    fields = amazon.notification()
    headers = {
        "x-amz-sns-message-type": fields["Type"],
        "x-amz-sns-message-id": fields["MessageId"],
        "x-amz-sns-topic-arn": fields["TopicArn"],
        "x-amz-sns-subscription-arn": "anything",
        "x-amz-sns-rawdelivery": "false",
    }
    assert parse(encoded(fields), headers).message_id == fields["MessageId"]


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_a_raw_delivery_is_refused_whatever_its_body(amazon: "Amazon", value: str) -> None:
    for body in (b"anything", amazon.body()):
        with pytest.raises(NotAuthentic) as raised:
            parse(body, {"x-amz-sns-rawdelivery": value})
        assert (raised.value.reason, raised.value.status) == ("raw_delivery", 403)


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from(["x-amz-sns-message-type"]), st.text(max_size=5)))
def test_any_bytes_are_read_or_refused(body: bytes, headers: dict[str, str]) -> None:
    with suppress(Refused):
        parse(body, headers)


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_change_of_fields_is_read_or_refused(amazon: "Amazon", data: st.DataObject) -> None:
    fields = data.draw(st.sampled_from([amazon.notification(), amazon.confirmation()]))
    changes = data.draw(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), PARTS, max_size=3))
    body = json.dumps(fields | changes).encode()
    with suppress(Refused):
        message = parse(body, {})
        lines = text_to_sign(message.type, message.fields).decode().split("\n")
        assert lines[-3:] == ["Type", message.type, ""]


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_damage_to_the_bytes_is_read_or_refused(amazon: "Amazon", data: st.DataObject) -> None:
    body = bytearray(amazon.body(Subject="s"))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with suppress(Refused):
        parse(bytes(body), {})
