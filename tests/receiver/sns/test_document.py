import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import BadMessage
from receiver.sns import document
from receiver.sns.document import read_object

TEXTS = st.text(st.sampled_from('ab"\\/u02é😀\n'), max_size=6)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def string(draw: Any, text: str) -> str:
    """One of the many spellings of a string in JSON."""
    spelled = ""
    for character in text:
        plain = json.dumps(character, ensure_ascii=draw(st.booleans()))[1:-1]
        escaped = "".join(f"\\u{unit:04x}" for unit in utf16(character))
        spelled += escaped if draw(st.booleans()) else plain
    return f'"{spelled}"'


def utf16(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw), 2)]


@st.composite
def spelled_values(draw: Any, depth: int = 3) -> str:
    kind = draw(st.sampled_from(["string", "number", "list", "object"] if depth else ["string", "number"]))
    if kind == "string":
        return string(draw, draw(TEXTS))
    if kind == "number":
        return draw(st.sampled_from(["0", "-1.5e3", "null", "true", "123456789012345678901234567890"]))
    values = [draw(spelled_values(depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    if kind == "list":
        return "[" + ", ".join(values) + "]"
    return "{" + ",".join(f"{string(draw, draw(TEXTS))} : {value}" for value in values) + "}"


def repeats_a_key(text: str) -> bool:
    found = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        found.append(len({key for key, _ in pairs}) != len(pairs))

    json.loads(text, object_pairs_hook=note)
    return any(found)


@given(spelled_values().map(lambda inner: '{"outer": ' + inner + "}"))
def test_repeated_keys_are_found_whatever_their_spelling_and_nothing_else_is(text: str) -> None:
    if repeats_a_key(text):
        with pytest.raises(BadMessage) as raised:
            read_object(text.encode())
        assert raised.value.reason == "duplicate_key"
    else:
        assert list(read_object(text.encode())) == ["outer"]


@given(st.dictionaries(TEXTS, JSON_VALUES, max_size=4), st.booleans())
def test_what_is_well_formed_is_read_as_it_is(value: dict[str, Any], ascii_only: bool) -> None:
    expected = json.loads(json.dumps(value), parse_int=float)
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert json.loads(json.dumps(read_object(text)), parse_int=float) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":"\\u0022\\u0022\\u0022\\u0022","a":""}',
        b'{"a":"\\\\u0022","a":""}',
        b'{"a":"","a":"\\u0022\\u0022\\u0022\\u0022"}',
        b'{"o":{"k":"1","k":"2"}}',
        b'{"l":[[{"k":"1","k":"2"}]]}',
        b'{"":0,"":0}',
    ],
)
def test_a_repeated_key_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage) as raised:
        read_object(body)
    assert raised.value.reason == "duplicate_key"
    assert "stands more than once" in raised.value.detail


def many_keys(count: int) -> bytes:
    """An object of so many keys of which the last stands twice, lost when it is read behind another of its own name."""
    keys = "".join(f'"{number:x}":0,' for number in range(count))
    return f'{{"x":{{{keys}"z":0,"z":0}},"x":1}}'.encode()


def test_the_repeated_key_is_named() -> None:
    with pytest.raises(BadMessage) as raised:
        read_object(many_keys(100))
    assert raised.value.detail == "the key 'z' stands more than once"


@pytest.mark.parametrize("body", [many_keys(8_000), b'{"a":["' + b" " * 40_000 + b'\\u0022"],"a":1}'])
def test_a_large_body_is_refused_without_looking_for_the_key(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", None)
    with pytest.raises(BadMessage) as raised:
        read_object(body)
    assert (raised.value.reason, raised.value.detail) == ("duplicate_key", "a key stands more than once")


@pytest.mark.parametrize("nested", [b"[" * 1020 + b"]" * 1020, b'{"":' * 1020 + b"1" + b"}" * 1020])
def test_a_repeated_key_whose_lost_value_is_nested_deep_is_refused(nested: bytes) -> None:
    with pytest.raises(BadMessage) as raised:
        read_object(b'{"a":' + nested + b',"a":1}')
    assert raised.value.reason == "duplicate_key"


def filled(item: str, size: int = 1 << 20) -> bytes:
    """An object with a list of so many equal items that it has a size."""
    count = (size - 9) // (len(item) + 1)
    return f'{{"a":[{",".join([item] * count)}]}}'.encode()


@pytest.mark.parametrize("item", ["{}", "[]", "0", '""', '"\\""', '"\\\\"', '{"k":""}', "[" * 13 + "]" * 13])
def test_a_body_of_a_great_many_values_is_refused_unread(item: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a megabyte of nested brackets took the writer 0.8 s, whoever had sent it."""
    monkeypatch.setattr(document.json_text, "parse", None)
    with pytest.raises(BadMessage) as raised:
        read_object(filled(item))
    assert raised.value.reason == "too_many_values"


@pytest.mark.parametrize("value", ["[{,", '"[{,"', '\\"[{,\\', '\\,"', '","', '"\\,'])
def test_values_within_a_string_are_none(value: str) -> None:
    body = json.dumps({"a": value * 50_000, "b": [1, "\\", '"']}).encode()
    assert read_object(body) == json.loads(body)


def test_a_thousand_attributes_are_read() -> None:
    body = json.dumps({"MessageAttributes": {f"n{n}": {"Type": "String", "Value": ","} for n in range(5000)}}).encode()
    assert read_object(body) == json.loads(body)


def test_escaped_quotation_marks_need_no_second_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", None)
    assert read_object(b'{"a":[{},"\\u0022\\\\\\u0022\\\\u0022"]}') == {"a": [{}, '"\\"\\u0022']}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"[]",
        b'"text"',
        b"null",
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        '{"a":"é"}'.encode("latin-1"),
        '{"a":1}'.encode("utf-16"),
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":"\x00"}',
        b'{"a":"line\nbreak"}',
        b'{"a":01}',
        b'{"a":1} // comment',
        b"[" * 10_000,
        b'{"a":' * 10_000,
    ],
)
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage) as raised:
        read_object(body)
    assert raised.value.reason == "not_json"


@pytest.mark.parametrize("nested", [b"[" * 16 + b"]" * 16, b"[" * 900 + b"]" * 900, b'{"a":' * 16 + b"1" + b"}" * 16])
def test_absurd_nesting_is_refused(nested: bytes) -> None:
    with pytest.raises(BadMessage) as raised:
        read_object(b'{"a":' + nested + b"}")
    assert raised.value.reason == "nesting"


def test_some_nesting_is_read() -> None:
    assert read_object(b'{"a":' + b"[" * 15 + b"]" * 15 + b"}")


def test_a_huge_number_in_the_slow_way_costs_no_conversion() -> None:
    body = b'{"a":"\\u0022","b":1' + b"0" * 300 + b"}"
    assert read_object(body)["a"] == '"'


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(BadMessage):
        assert isinstance(read_object(body), dict)
