"""Fields taken out of messages in every shape in which SP-API's notifications come."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.notification import read, stored_envelope
from receiver.privacy import FieldPath, Fields, Redaction
from receiver.privacy.redaction import UNREADABLE_ANSWER

CODE = "48110-1234"
ORDER = {
    "NotificationType": "ORDER_CHANGE",
    "EventTime": "2026-01-01T00:00:00Z",
    "Payload": {"OrderChangeNotification": {"SellerId": "A1", "Summary": {"DestinationPostalCode": CODE, "N": 1}}},
    "NotificationMetadata": {"NotificationId": "n-1"},
}
TRACKING = {
    "notificationType": "SHIPMENT_TRACKING_MILESTONE_CHANGED",
    "payload": {"history": [{"address": {"city": CODE}}, {"at": 1}, {"address": {"city": CODE, "x": 2}}]},
    "notificationMetadata": {"notificationId": "n-2"},
}


def paths(*sources: str) -> tuple[FieldPath, ...]:
    return tuple(map(FieldPath.parse, sources))


EVERY = Fields(paths("payload.OrderChangeNotification.Summary.DestinationPostalCode"))
REDACTION = Redaction(
    EVERY, {"SHIPMENT_TRACKING_MILESTONE_CHANGED": Fields(mask=paths("payload.history.*.address.city"))}
)


def sns(message: Any, **more: Any) -> bytes:
    text = message if isinstance(message, str) else json.dumps(message)
    fields = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:a",
        "Message": text,
        "Timestamp": "2026-01-01T00:00:00.000Z",
        "SignatureVersion": "2",
        "Signature": "c2lnbmF0dXJl",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/x.pem",
    }
    return json.dumps(fields | more).encode()


def record(body: Any) -> dict[str, Any]:
    return {"messageId": "q", "body": json.dumps(body), "eventSource": "aws:sqs"}


SHAPES: dict[str, Callable[[Any], Any]] = {
    "plain": lambda body: body,
    "event": lambda body: {"version": "0", "detail-type": "X", "source": "aws.partner/x", "detail": body},
    "record": record,
    "records": lambda body: [record(body), record({"other": 1}), record(body)],
    "lambda": lambda body: {"Records": [record(body), record(body)]},
    "event in a record": lambda body: record({"detail-type": "x", "detail": body}),
    "records in a record": lambda body: record({"Records": [record(body)]}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_fields_go_in_every_shape(shape: str) -> None:
    body = sns(SHAPES[shape](ORDER))
    before = read(stored_envelope(body))
    after, kept = REDACTION.redacted(before, body)
    assert CODE.encode() in body
    assert CODE.encode() not in kept
    assert CODE not in repr(after)
    assert [(each.dedup_key, each.part, each.type, each.seller_id) for each in after] == [
        (each.dedup_key, each.part, each.type, each.seller_id) for each in before
    ]
    assert read(stored_envelope(kept)) == after, "what is kept reads as what was routed"


def test_types_have_their_own_fields_beside_those_of_all() -> None:
    body = sns([record(ORDER), record(TRACKING)])
    order, tracking = REDACTION.redacted(read(stored_envelope(body)), body)[0]
    assert order.document["payload"]["OrderChangeNotification"]["Summary"] == {"N": 1}
    assert tracking.document["payload"]["history"] == [
        {"address": {"city": "***"}},
        {"at": 1},
        {"address": {"city": "***", "x": 2}},
    ]


def test_what_names_nothing_is_the_same_object() -> None:
    body = sns(TRACKING)
    notifications = read(stored_envelope(body))
    kept = Redaction(EVERY).redacted(notifications, body)
    assert kept[0] is notifications
    assert kept[1] is body
    only = Redaction(Fields(), {"ORDER_CHANGE": EVERY})
    assert only.redacted(notifications, body)[1] is body


def test_the_signature_goes_as_it_would_tell_a_guesser_that_he_is_right() -> None:
    fields = json.loads(REDACTION.message(sns(ORDER)))
    assert {"Signature", "SigningCertURL"}.isdisjoint(fields)
    assert "Signature" in json.loads(Redaction(EVERY).message(sns(TRACKING)))


def test_the_dedup_key_stays_whatever_is_dropped() -> None:
    body = sns(ORDER)
    drop_all = Redaction(Fields(paths("message.NotificationMetadata", "payload")))
    (notification,), kept = drop_all.redacted(read(stored_envelope(body)), body)
    assert notification.dedup_key == "n:n-1"
    assert "payload" not in notification.document
    assert b"n-1" not in kept


@pytest.mark.parametrize(("path", "gone"), [("subject", "Subject"), ("attributes.buyer", "MessageAttributes")])
def test_what_stands_around_the_message_goes_too(path: str, gone: str) -> None:
    body = sns("a text", Subject="To Ann", MessageAttributes={"buyer": {"Type": "String", "Value": "Ann"}})
    (dropped,), kept = Redaction(Fields(paths(path))).redacted(read(stored_envelope(body)), body)
    assert not json.loads(kept).get(gone)
    assert path.split(".", maxsplit=1)[0] not in dropped.document
    (masked,), kept = Redaction(Fields(mask=paths(path))).redacted(read(stored_envelope(body)), body)
    assert masked.document[path.split(".", maxsplit=1)[0]] in ("***", {"buyer": "***"})
    assert json.loads(kept)["Message"] == "a text"


def test_a_plain_text_can_be_dropped_or_masked_whole() -> None:
    body = sns(f"please call {CODE}")
    dropped = Redaction(Fields(paths("message"))).message(body)
    assert json.loads(dropped)["Message"] == ""
    masked = Redaction(Fields(mask=paths("message"))).message(body)
    assert json.loads(masked)["Message"] == "***"


ANSWERS = Redaction(Fields(), {}, {"order": Fields(paths("order.buyer"), paths("order.recipient"))})


def test_answers_have_fields_by_handler() -> None:
    answer = json.dumps({"order": {"id": 1, "buyer": {"name": "Ann"}, "recipient": {"city": "Rome"}}}).encode()
    kept = {"order": {"id": 1, "recipient": {"city": "***"}}}
    assert json.loads(ANSWERS.result(answer, "order")) == kept
    assert json.loads(ANSWERS.response(answer, "order")) == kept
    assert ANSWERS.result(answer, "erp") is answer
    assert ANSWERS.response(b'{"order": {"id": 1}}', "order") == b'{"order": {"id": 1}}'


def test_an_answer_that_cannot_be_read_is_not_kept_for_people() -> None:
    cut = b'{"order": {"buyer": {"name": "Ann'
    assert ANSWERS.response(cut, "order") == UNREADABLE_ANSWER
    assert ANSWERS.response(b"", "order") == b""
    assert ANSWERS.response(cut, "erp") == cut
    assert ANSWERS.result(b"a;b;c", "order") == b"a;b;c"


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    deep = "[" * 990 + "1" + "]" * 990
    body = sns('{"NotificationType": "A", "Payload": {"b": 1, "c": %s}}' % deep)  # noqa: UP031
    with pytest.raises(ValueError, match="nested too deep"):
        Redaction(Fields(paths("payload.b"))).redacted(read(stored_envelope(body)), body)
    with pytest.raises(ValueError, match="nested too deep"):
        Redaction(Fields(paths("payload.c.x"))).redacted(read(stored_envelope(body)), body)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcABC"), inner, max_size=3),
    max_leaves=12,
)
STEPS = st.lists(st.sampled_from(["a", "b", "c", "*"]), min_size=1, max_size=4)


def holding(steps: list[str], payload: Any) -> dict[str, Any]:
    """A payload with CODE where the steps lead, among other things."""
    inner: Any = {"leaf": [CODE, payload]}
    for step in reversed(steps):
        inner = [payload, inner] if step == "*" else {step: inner, "z": payload}
    return {"top": inner}


@given(VALUES, STEPS, st.sampled_from(sorted(SHAPES)))
def test_nothing_survives_where_a_path_leads(payload: Any, steps: list[str], shape: str) -> None:
    body = {"NotificationType": "ORDER_CHANGE", "Payload": holding(steps, payload)}
    message = sns(SHAPES[shape](body))
    path = ".".join(["payload", "top", *steps])
    for fields in (Fields(paths(path)), Fields(mask=paths(path))):
        before = read(stored_envelope(message))
        after, kept = Redaction(fields).redacted(before, message)
        assert CODE.encode() not in kept
        assert CODE not in repr([each.document for each in after])
        assert [each.dedup_key for each in after] == [each.dedup_key for each in before]


def test_an_answer_nested_without_end_is_not_kept() -> None:
    deep = b'{"order": {"buyer": ' + b"[" * 990 + b"]" * 990 + b', "x": ' + b"[" * 990 + b"]" * 990 + b"}}"
    assert ANSWERS.result(deep, "order") == UNREADABLE_ANSWER
