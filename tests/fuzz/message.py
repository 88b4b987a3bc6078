"""Parsing an SNS message, held against a second reading of the format that uses the json module alone.

Both must agree on what is taken and on every value in it, and a text that was signed must read in one way only.
"""

import json
import math
import string
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from receiver.errors import BadMessage, NotAuthentic
from receiver.sns import UnverifiedMessage, parse, text_to_sign
from tests.fuzz.target import Target, demand, depth_of

Parse = Callable[[bytes, Mapping[str, str]], UnverifiedMessage]

_KINDS = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")
_STRINGS = ("Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL")
_PLAIN_NAME = frozenset(string.ascii_letters + string.digits + "-_")
_LONGEST = 64 * 1024
_REGIONS = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com", "aws-eusc": "x"}


class Refusal(Exception):
    """The second reading takes no such message."""


class MessageOracle:
    """`parse` against the second reading."""

    def __init__(self, subject: Parse = parse) -> None:
        self._parse = subject

    def check(self, data: bytes) -> None:
        """Parse bytes twice and compare."""
        if len(data) > _LONGEST:
            return
        try:
            expected: Any = second_reading(data)
        except Refusal as refusal:
            expected = refusal
        try:
            message = self._parse(data, {})
        except (BadMessage, NotAuthentic) as error:
            demand(isinstance(expected, Refusal), f"refused ({error.reason}: {error}), and it is a message")
            return
        assert not isinstance(expected, Refusal), f"taken, and it is none: {expected}"
        assert same(message.fields, expected), "other values than json reads"
        signed = {name: value for name, value in expected.items() if name in _covered(expected)}
        assert unsigned(text_to_sign(message.type, message.fields)) == signed, "the signed text reads in two ways"


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, types included; integers beyond 64 bits count as numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if type(other) is int and type(one) is float:
        return not -(1 << 63) <= other < 1 << 64 and one == float(other)
    return type(one) is type(other) and one == other


def unsigned(text: bytes) -> dict[str, str]:
    """The fields in a signed text, read from its end, for only Message may hold line breaks."""
    lines = text.decode().split("\n")
    assert lines.pop() == "", "a signed text ends with a line break"
    fields: dict[str, str] = {}
    while len(lines) > 2 and not (fields.keys() >= {"MessageId"}):
        value, name = lines.pop(), lines.pop()
        fields[name] = value
    assert lines[0] == "Message", "a signed text begins with Message"
    return fields | {"Message": "\n".join(lines[1:])}


def _covered(fields: Mapping[str, Any]) -> set[str]:
    common = {"Message", "MessageId", "Timestamp", "TopicArn", "Type"}
    return common | ({"Subject"} if fields["Type"] == "Notification" else {"SubscribeURL", "Token"})


def second_reading(data: bytes) -> dict[str, Any]:
    """The message in bytes, by the format's description. Raises Refusal."""
    fields = _object(data)
    kind = fields.get("Type")
    _demand(isinstance(kind, str) and kind in _KINDS, "Type")
    required = _STRINGS if kind == "Notification" else (*_STRINGS, "Token", "SubscribeURL")
    _demand(all(isinstance(fields.get(name), str) for name in required), "a field is missing or no string")
    foreign = {"Token", "SubscribeURL"} if kind == "Notification" else {"Subject"}
    _demand(foreign.isdisjoint(fields), "a field of another type of message")
    _demand(_is_name(fields["MessageId"], 64, "_"), "MessageId")
    if kind == "Notification":
        _notification(fields)
    else:
        _demand(_is_name(fields["Token"], 1024, ""), "Token")
        url = fields["SubscribeURL"]
        _demand(0 < len(url) <= 4096 and all("!" <= character <= "~" for character in url), "SubscribeURL")
    _demand(_is_topic(fields["TopicArn"]), "TopicArn")
    _demand(_is_time(fields["Timestamp"]), "Timestamp")
    return fields


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_int=_number,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise Refusal(str(error)) from None
    _demand(isinstance(value, dict), "no object")
    _demand(depth_of(value) <= 16, "too deep")
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal("a lone surrogate") from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refusal("a key twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise Refusal(name)


def _number(text: str) -> int | float:
    return int(text) if len(text) < 300 else _finite(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Refusal("a number out of range")
    return value


def _notification(fields: Mapping[str, Any]) -> None:
    for name in ("Subject", "UnsubscribeURL", "SequenceNumber"):
        value = fields.get(name, "")
        _demand(isinstance(value, str) and not any(c < " " or c == "\x7f" for c in value), name)
    attributes = fields.get("MessageAttributes", {})
    _demand(isinstance(attributes, dict), "MessageAttributes")
    for each in attributes.values():
        _demand(isinstance(each, dict) and all(isinstance(each.get(k), str) for k in ("Type", "Value")), "an attribute")


def _is_name(text: str, longest: int, but: str) -> bool:
    return 0 < len(text) <= longest and set(text) <= _PLAIN_NAME - set(but)


def _is_topic(text: str) -> bool:
    parts = text.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[1] not in _REGIONS or parts[2] != "sns":
        return False
    _, partition, _, region, account, name = parts
    if len(account) != 12 or not set(account) <= set(string.digits):
        return False
    return _is_region(partition, region.split("-")) and _is_name(name.removesuffix(".fifo"), 256, "")


def _is_region(partition: str, words: list[str]) -> bool:
    beginnings = {"aws-cn": ["cn"], "aws-us-gov": ["us", "gov"], "aws-eusc": ["eusc", None]}
    beginning = beginnings.get(partition, [None])
    *places, number = words
    if len(places) != len(beginning) + 1 or not 1 <= len(number) <= 2 or not set(number) <= set(string.digits):
        return False
    for wanted, word in zip(beginning, places, strict=False):
        if wanted != word if wanted else len(word) != 2:
            return False
    if partition == "aws" and places[0] == "cn":
        return False
    return all(word and set(word) <= set(string.ascii_lowercase) for word in places)


def _is_time(text: str) -> bool:
    if len(text) not in (20, 24) or not text.isascii() or (text[10], text[-1]) != ("T", "Z") or " " in text:
        return False
    form = "%Y-%m-%dT%H:%M:%S.%f%z" if len(text) == 24 else "%Y-%m-%dT%H:%M:%S%z"
    try:
        datetime.strptime(text, form).astimezone(UTC)
    except ValueError:
        return False
    digits = [place for place in range(len(text)) if place not in (4, 7, 10, 13, 16, 19, len(text) - 1)]
    return all(text[place] in string.digits for place in digits) and text[17:19] < "60" and text[:4] > "0000"


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise Refusal(what)


_BASE: dict[str, Any] = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:us-east-1:123456789012:sp-api",
    "Message": "{}",
    "Timestamp": "2026-03-06T20:00:26.893Z",
    "SignatureVersion": "2",
    "Signature": "AAAA",
    "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
}
_MORE: dict[str, Any] = {
    "Token": "2336412f37fb687f",
    "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
    "Subject": "s",
    "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
    "SequenceNumber": "1",
    "MessageAttributes": {"a": {"Type": "String", "Value": "v"}},
}
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.sampled_from(["\ud800", "a\nType\nNotification", "", "a\n", "\u2028", "é", "x" * 300, *_KINDS]),
    st.sampled_from(["arn:aws-cn:sns:cn-north-1:123456789012:a.fifo", "arn:aws:sns:cn-a-1:123456789012:a", "a:b"]),
    st.sampled_from(["2026-02-29T00:00:00Z", "2024-02-29T23:59:60Z", "2024-02-29T23:59:59.1Z", "0000-01-01T00:00:00Z"]),
    st.sampled_from([10**20, -(10**19), 10**400, 1 << 63, (1 << 64) - 1]),
    st.recursive(st.just({}), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner)),
    st.integers(1, 40).map(lambda depth: json.loads("[" * depth + "]" * depth)),
)


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    """A message with a few fields changed, added and left out, in one of the spellings that JSON has for it."""
    fields = dict(_BASE)
    for name in draw(st.lists(st.sampled_from(list(_MORE)), max_size=3)):
        fields[name] = _MORE[name]
    if draw(st.booleans()):
        fields |= {"Type": draw(st.sampled_from(_KINDS[1:])), "Token": "t", "SubscribeURL": "https://x"}
    for name in draw(st.lists(st.sampled_from([*_BASE, *_MORE, "More"]), max_size=2)):
        fields[name] = draw(_ODD)
    for name in draw(st.lists(st.sampled_from([*_BASE, *_MORE]), max_size=1)):
        fields.pop(name, None)
    pairs = list(fields.items()) + draw(st.lists(st.sampled_from(list(fields.items())), max_size=1))
    ascii_only = draw(st.booleans())
    texts = (f"{_spelled(draw, name)}: {json.dumps(value, ensure_ascii=ascii_only)}" for name, value in pairs)
    text = "{" + ", ".join(texts) + "}"
    start = draw(st.sampled_from(["", "", "", "\ufeff", " \n", "\x00"]))
    return (start + text).encode(draw(st.sampled_from(["utf-8"] * 8 + ["utf-16"])), "surrogatepass")


def _spelled(draw: st.DrawFn, name: str) -> str:
    if draw(st.integers(0, 9)):
        return json.dumps(name)
    place = draw(st.integers(0, len(name) - 1))
    return f'"{name[:place]}\\u{ord(name[place]):04x}{name[place + 1 :]}"'


TARGET = Target(
    "message",
    MessageOracle().check,
    _messages(),
    ('"Type"', *(f'"{name}"' for name in (*_BASE, *_MORE)), *_KINDS, "\\u0054", "\\ud800", "1e999", "\n", "\\n"),
)
