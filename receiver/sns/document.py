"""Reading a JSON object strictly: UTF-8, no byte order mark, no lone surrogate, no key twice, no absurd nesting."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from receiver import json_text
from receiver.errors import BadMessage

_DEEPEST = 16
_NAMED = 32768
"""Bytes of a body of which a wrong key is looked for by name."""
_MOST_VALUES = 16384
"""Commas and opening brackets outside of strings: SNS's messages have a dozen, and three more for each attribute."""


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises BadMessage for anything else, also for a key that stands twice at any level.

    RFC 8259 section 4 leaves open what a repeated key means, so the signature could be checked over one value and the
    other be used.
    """
    if _has_many_values(body):
        raise BadMessage("too_many_values", f"the body has more than {_MOST_VALUES} values: no message of SNS has")
    try:
        fields = json_text.parse(body)
    except ValueError as error:
        raise BadMessage("not_json", f"the body is not JSON: {error}") from None
    if type(fields) is not dict:
        raise BadMessage("not_json", "the body is not a JSON object")
    strings = _strings(fields, _DEEPEST)
    # A repeated key is lost when it is read, so the quotation marks of its text are missing in what was read.
    if _quotation_marks(body) != 2 * len(strings) + "".join(strings).count('"'):
        raise BadMessage("duplicate_key", f"{_repeated_key(body)} stands more than once")
    return fields


def _has_many_values(body: bytes) -> bool:
    """Whether a JSON text has more values than are bearable: a megabyte of brackets takes a second to be read.

    What stands in strings is no value, SNS's Message above all; it is left out where all together are too many.
    """
    if len(body) <= _MOST_VALUES or _values(body) <= _MOST_VALUES:
        return False
    text = _without_escapes(body)
    # Each value and each key may be a string: of more than that there are too many values, without parting them.
    return text.count(b'"') > 4 * _MOST_VALUES + 2 or _values(b"".join(text.split(b'"')[::2])) > _MOST_VALUES


def _values(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{") + text.count(b",")


def _without_escapes(body: bytes) -> bytes:
    """A JSON text without escaped backslashes and quotation marks, so that each mark in it begins or ends a string."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _strings(value: dict[str, Any] | list[Any], deepest: int) -> list[str]:
    """Every string in a value, keys included."""
    if not deepest:
        raise BadMessage("nesting", f"the body is nested deeper than {_DEEPEST} levels")
    strings: list[str] = []
    items: Iterable[Any] = value
    if type(value) is dict:
        strings.extend(value)
        items = value.values()
    for item in items:
        if type(item) is str:
            strings.append(item)
        elif type(item) is dict or type(item) is list:
            strings.extend(_strings(item, deepest - 1))
    return strings


def _quotation_marks(body: bytes) -> int:
    """How many stand in a JSON text, as they are or as an escape."""
    marks = body.count(b'"')
    # Searched from the end it takes half the time: it goes by the first character of what is looked for.
    if body.rfind(b"\\u0022") >= 0:
        marks += body.replace(b"\\\\", b"").count(b"\\u0022")
    return marks


def _repeated_key(body: bytes) -> str:
    """The first key that stands twice in one object, for people; of a large body it would take too long to find."""
    names: list[str] = []
    if len(body) <= _NAMED:
        # A value that was lost with its key may be nested deeper than this way of reading goes.
        with suppress(RecursionError):
            json.loads(
                body, object_pairs_hook=lambda pairs: names.extend(_repeated(pairs)), parse_int=str, parse_float=str
            )
    return f"the key {names[0][:100]!a}" if names else "a key"


def _repeated(pairs: list[tuple[str, Any]]) -> list[str]:
    counts = Counter(name for name, _ in pairs)
    return [name for name, count in counts.items() if count > 1]
