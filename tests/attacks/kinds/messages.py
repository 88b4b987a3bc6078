"""Bodies that are no SNS message, or one that is not ours: other texts, other types, other topics, other times."""

import gzip
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from receiver.times import iso
from tests.attacks.forge import CERTIFICATE_URL, TOKEN, TOPIC, Forge, subscribe_url
from tests.attacks.row import Kind, Post, Row, Script

_MAX_BODY = 1 << 20
_NO_JSON = "400 not_json"


def _body(name: str, answer: str, body: bytes, **headers: str) -> Row:
    return Row(name, lambda _forge: Post(body, headers), answer)


def _spelled(name: str, answer: str, spell: Callable[[str], str | bytes]) -> Row:
    """A genuine message whose JSON text is spelled otherwise."""

    def send(forge: Forge) -> Post:
        text = spell(json.dumps(forge.notification(Subject="s")))
        return Post(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))

    return Row(name, send, answer)


def _fields(name: str, answer: str, **changes: object) -> Row:
    """A message that SNS's key signed with these changes in it."""
    return Row(name, lambda forge: forge.notification(**changes), answer)


def _unsigned(name: str, answer: str, **changes: object) -> Row:
    """A message changed after it was signed, in a way that could not even be signed."""
    return Row(name, lambda forge: forge.notification() | changes, answer)


def _topic(name: str, topic: object, answer: str = "403 topic_not_allowed") -> Row:
    return Row(name, lambda forge: forge.notification() | {"TopicArn": topic}, answer)


def _header(name: str, header: str, value: str, answer: str = "400 headers") -> Row:
    return Row(name, lambda forge: Post(json.dumps(forge.notification()).encode(), {header: value}), answer)


def _timed(name: str, answer: str, offset: float) -> Row:
    return Row(name, lambda forge: forge.notification(Timestamp=iso(time.time() + offset)), answer)


def _twice(forge: Forge) -> Script:
    """One message over and over, on one connection."""
    body = json.dumps(forge.notification()).encode()
    head = f"POST /sns HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    again = [f"{head}\r\n".encode() + body] * 2
    return Script((again[0], again[1], f"{head}Connection: close\r\n\r\n".encode() + body))


def _moved_boundary(forge: Forge) -> Mapping[str, Any]:
    """The signed text read in another way: what was the end of Message becomes MessageId."""
    fields = forge.notification(Message="a\nMessageId\nb", MessageId="c")
    return fields | {"Message": "a", "MessageId": "b\nMessageId\nc"}


def _as_confirmation(forge: Forge) -> Mapping[str, Any]:
    """A notification's signature under a confirmation: its Message holds what a confirmation signs."""
    url = subscribe_url(TOPIC, TOKEN)
    fields = forge.notification(Message=f"x\nMessageId\ny\nSubscribeURL\n{url}")
    return fields | {"Type": "SubscriptionConfirmation", "Token": TOKEN, "SubscribeURL": url, "Message": "x"}


_BEGINNING = '{"Type": "Notification", '

TEXTS = Kind(
    "message texts",
    "the body is not the one JSON text that SNS would write",
    (
        _body("empty", _NO_JSON, b""),
        _body("a NUL", _NO_JSON, b"\0"),
        _body("null", _NO_JSON, b"null"),
        _body("a list", _NO_JSON, b"[{}]"),
        _body("a text", _NO_JSON, b'"{}"'),
        _body("an empty object", "400 type", b"{}"),
        _body("a form", _NO_JSON, b"payload=%7B%7D", **{"Content-Type": "application/x-www-form-urlencoded"}),
        _body(
            "a multipart form",
            _NO_JSON,
            b"--x\r\n\r\n{}\r\n--x--",
            **{"Content-Type": "multipart/form-data; boundary=x"},
        ),
        _body(
            "XML with an external entity", _NO_JSON, b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
        ),
        _body("a million brackets", "400 too_many_values", b"[" * 1_000_000),
        _body(
            "a hundred thousand objects in each other",
            "400 too_many_values",
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        ),
        _body("1 MiB of spaces", _NO_JSON, b" " * _MAX_BODY),
        _body("1 MiB and one byte", "413 too_large", b" " * (_MAX_BODY + 1)),
        _body("gzip", _NO_JSON, gzip.compress(b"{}"), **{"Content-Encoding": "gzip"}),
        _body(
            "64 MiB of zeros in a small gzip body",
            _NO_JSON,
            gzip.compress(bytes(64 << 20)),
            **{"Content-Encoding": "gzip"},
        ),
        _spelled("a byte order mark", _NO_JSON, lambda text: "\ufeff" + text),
        _spelled("UTF-16", _NO_JSON, lambda text: text.encode("utf-16")),
        _spelled("UTF-32", _NO_JSON, lambda text: text.encode("utf-32")),
        _spelled("UTF-7", _NO_JSON, lambda text: text.encode("utf-7").replace(b'"', b"+ACI-")),
        _spelled("Latin-1", _NO_JSON, lambda text: text.replace('"s"', '"é"').encode("latin-1")),
        _spelled("an overlong letter of UTF-8", _NO_JSON, lambda text: text.encode().replace(b'"s"', b'"\xc1\xb3"')),
        _spelled("a surrogate in UTF-8", _NO_JSON, lambda text: text.replace('"s"', '"\ud800"')),
        _spelled("a lone surrogate by escape", _NO_JSON, lambda text: text.replace('"s"', '"\\ud800"')),
        _spelled("surrogates in the wrong order", _NO_JSON, lambda text: text.replace('"s"', '"\\ude00\\ud83d"')),
        _spelled("a NUL inside a text", _NO_JSON, lambda text: text.replace('"s"', '"\0"')),
        _spelled("a line break inside a text", _NO_JSON, lambda text: text.replace('"s"', '"\n"')),
        _spelled("a NUL before it", _NO_JSON, lambda text: "\0" + text),
        _spelled("a second message after it", _NO_JSON, lambda text: text + text),
        _spelled("a comma too many", _NO_JSON, lambda text: text[:-1] + ",}"),
        _spelled("a comment", _NO_JSON, lambda text: "/* x */" + text),
        _spelled("single quotes", _NO_JSON, lambda text: text.replace('"', "'")),
        _spelled("NaN", _NO_JSON, lambda text: text[:-1] + ', "x": NaN}'),
        _spelled("a number too large for any", _NO_JSON, lambda text: text[:-1] + ', "x": 1e999}'),
        _spelled("a hundred thousand digits", _NO_JSON, lambda text: text[:-1] + f', "x": {"9" * 100_000}}}'),
        _spelled("a key twice", "400 duplicate_key", lambda text: text[:-1] + ', "Type": "Notification"}'),
        _spelled(
            "a key twice, once by escapes",
            "400 duplicate_key",
            lambda text: text[:-1] + ', "\\u0054ype": "Notification"}',
        ),
        _spelled(
            "a key twice, first another type",
            "400 duplicate_key",
            lambda text: '{"Type": "UnsubscribeConfirmation", ' + text[1:],
        ),
        _spelled(
            "a key twice inside an attribute", "400 duplicate_key", lambda text: text[:-1] + ', "x": {"a": 1, "a": 2}}'
        ),
        _spelled(
            "TopicArn twice",
            "400 duplicate_key",
            lambda text: '{"TopicArn": "arn:aws:sns:us-west-2:999999999999:x", ' + text[1:],
        ),
        _spelled("an empty key twice", "400 duplicate_key", lambda text: text[:-1] + ', "": 1, "": 2}'),
        _spelled("17 levels", "400 nesting", lambda text: text[:-1] + f', "x": {"[" * 16}{"]" * 16}}}'),
    ),
)

FIELDS = Kind(
    "message fields",
    "the fields are of another type of message, of another type of value, or could be read in two ways",
    (
        _unsigned("an unknown type", "400 type", Type="Message"),
        _unsigned("the type in lower case", "400 type", Type="notification"),
        _unsigned("the type with a space", "400 type", Type="Notification "),
        _unsigned("the type in a list", "400 type", Type=["Notification"]),
        _unsigned("a notification with a Token", "400 fields", Token=TOKEN),
        _unsigned("a notification with a SubscribeURL", "400 fields", SubscribeURL=subscribe_url(TOPIC, TOKEN)),
        _unsigned("a notification that says it is a confirmation", "400 fields", Type="SubscriptionConfirmation"),
        Row("a notification's signature under a confirmation", _as_confirmation, "403 signature"),
        Row(
            "a confirmation that says it is a notification",
            lambda forge: forge.confirmation() | {"Type": "Notification"},
            "400 fields",
        ),
        Row(
            "a confirmation that says it ends a subscription",
            lambda forge: forge.confirmation() | {"Type": "UnsubscribeConfirmation"},
            "403 signature",
        ),
        Row(
            "an end of a subscription that says it is a confirmation",
            lambda forge: forge.confirmation(Type="UnsubscribeConfirmation") | {"Type": "SubscriptionConfirmation"},
            "403 signature",
        ),
        Row("a confirmation with a Subject", lambda forge: forge.confirmation() | {"Subject": "s"}, "400 fields"),
        Row("the line between Message and MessageId moved", _moved_boundary, "400 fields"),
        _unsigned("Subject null", "400 fields", Subject=None),
        _unsigned("Subject a number", "400 fields", Subject=1),
        _fields("a line break in the Subject", "400 fields", Subject="a\nTimestamp\nb"),
        _fields("an escape character in the Subject", "400 fields", Subject="\x1b[2J"),
        _fields("a line break in the MessageId", "400 fields", MessageId="a\nb"),
        _fields("markup in the MessageId", "400 fields", MessageId="<script>alert(1)</script>"),
        _fields("a MessageId of 65 letters", "400 fields", MessageId="a" * 65),
        _fields("a path as MessageId", "400 fields", MessageId="../../etc/passwd"),
        _fields("an empty MessageId", "400 fields", MessageId=""),
        _unsigned("Message an object", "400 fields", Message={"NotificationType": "X"}),
        _unsigned("Message null", "400 fields", Message=None),
        Row("no Message", lambda forge: forge.tampered(Message=None), "400 fields"),
        _unsigned("attributes in a list", "400 fields", MessageAttributes=[]),
        _unsigned("an attribute that is a text", "400 fields", MessageAttributes={"a": "b"}),
        _unsigned(
            "an attribute whose value is an object",
            "400 fields",
            MessageAttributes={"a": {"Type": "String", "Value": {}}},
        ),
        _unsigned("an attribute without a type", "400 fields", MessageAttributes={"a": {"Value": "b"}}),
        _unsigned("UnsubscribeURL a list", "400 fields", UnsubscribeURL=[]),
        _header("the header names another type", "x-amz-sns-message-type", "SubscriptionConfirmation"),
        _header("the header names another message", "x-amz-sns-message-id", "00000000-0000-0000-0000-000000000000"),
        _header("the header names another topic", "x-amz-sns-topic-arn", TOPIC + "-2"),
        _header("the header in another case names another topic", "X-AMZ-SNS-TOPIC-ARN", "x"),
        _header("a raw delivery", "x-amz-sns-rawdelivery", "true", "403 raw_delivery"),
        _header("a raw delivery in upper case", "X-Amz-Sns-Rawdelivery", "TRUE", "403 raw_delivery"),
        Row(
            "a raw delivery of any text",
            lambda _: Post(b"hello", {"x-amz-sns-rawdelivery": "true"}),
            "403 raw_delivery",
        ),
    ),
)

TOPICS = Kind(
    "topics",
    "the topic is not on the allow-list; SNS would sign for every AWS customer",
    (
        _fields(
            "a stranger's topic, rightly signed",
            "403 topic_not_allowed",
            TopicArn="arn:aws:sns:us-west-2:999999999999:sp-api-orders",
        ),
        _fields(
            "another topic of ours, rightly signed",
            "403 topic_not_allowed",
            TopicArn="arn:aws:sns:us-west-2:123456789012:billing",
        ),
        _topic("another account", TOPIC.replace("123456789012", "123456789013")),
        _topic("another account that begins alike", TOPIC.replace("123456789012", "1234567890123"), "400 topic_arn"),
        _topic("another partition", TOPIC.replace("arn:aws:", "arn:aws-cn:"), "400 topic_arn"),
        _topic("an unknown partition", TOPIC.replace("arn:aws:", "arn:awsx:"), "400 topic_arn"),
        _topic("a region that is none", TOPIC.replace("us-west-2", "evil.example/x"), "400 topic_arn"),
        _topic("a region that leads to another host", TOPIC.replace("us-west-2", "us-west-2.evil"), "400 topic_arn"),
        _topic("another service", TOPIC.replace(":sns:", ":sqs:"), "400 topic_arn"),
        _topic("upper case", TOPIC.upper(), "400 topic_arn"),
        _topic("the name in upper case", TOPIC.replace("sp-api", "SP-API")),
        _topic("a Cyrillic letter", TOPIC.replace("sp-api", "s\u0440-api"), "400 topic_arn"),
        _topic("a line break after it", TOPIC + "\n", "400 topic_arn"),
        _topic("a NUL after it", TOPIC + "\0", "400 topic_arn"),
        _topic("a subscription's ARN", TOPIC + ":8a21d249-4329-4871-acc6-7be709c6ea7f", "400 topic_arn"),
        _topic("the pattern itself", "arn:aws:sns:*:123456789012:sp-api-*", "400 topic_arn"),
        _topic("a name of 257 letters", TOPIC + "x" * 257, "400 topic_arn"),
        _topic("the daemon's own topic", "router", "400 topic_arn"),
        _topic("digits that are not ASCII", TOPIC.replace("123456789012", "\u0661" * 12), "400 topic_arn"),
        _topic("a number", 1, "400 fields"),
        _topic("a list of a good and a bad one", [TOPIC, "arn:aws:sns:us-west-2:999999999999:x"], "400 fields"),
        _topic("a hundred kB", "arn:aws:sns:us-west-2:123456789012:" + "a" * 100_000, "400 topic_arn"),
    ),
)

TIMES = Kind(
    "times and repeats",
    "the message is old, not of this time, or came before; `max_age` is an hour here",
    (
        Row("the same message three times", _twice, "200 accepted, 200 duplicate, 200 duplicate"),
        _timed("older than max_age, so also after its row is pruned", "403 too_old", -3700),
        _timed("years old", "403 too_old", -10 * 365 * 86400),
        _timed("20 minutes ahead (this machine's clock could be wrong)", "503 from_the_future", 1200),
        _timed("a century ahead", "503 from_the_future", 100 * 365 * 86400),
        Row(
            "20 minutes ahead, and forged",
            lambda forge: forge.tampered(Timestamp=iso(time.time() + 1200)),
            "403 signature",
        ),
        _fields("a thirteenth month", "400 fields", Timestamp="2026-13-01T00:00:00.000Z"),
        _fields("a leap second", "400 fields", Timestamp="2026-06-30T23:59:60.000Z"),
        _fields("the year 0", "400 fields", Timestamp="0000-01-01T00:00:00.000Z"),
        _fields("the year 10000", "400 fields", Timestamp="10000-01-01T00:00:00.000Z"),
        _fields("another zone", "400 fields", Timestamp="2026-01-01T00:00:00.000+14:00"),
        _fields("no zone", "400 fields", Timestamp="2026-01-01T00:00:00.000"),
        _fields("a space for the T", "400 fields", Timestamp="2026-01-01 00:00:00.000Z"),
        _fields("digits that are not ASCII", "400 fields", Timestamp="\u0662026-01-01T00:00:00.000Z"),
        _fields("a line break after it", "400 fields", Timestamp="2026-01-01T00:00:00.000Z\n"),
        _unsigned("seconds since 1970", "400 fields", Timestamp=1767225600),
        _fields(
            "a certificate that is SNS's, and a time before it began",
            "403 too_old",
            Timestamp="2001-01-01T00:00:00.000Z",
            SigningCertURL=CERTIFICATE_URL,
        ),
    ),
    sns='max_age = "1h"',
)

KINDS = (TEXTS, FIELDS, TOPICS, TIMES)
