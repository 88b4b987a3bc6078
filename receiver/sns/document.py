"""Reading a JSON object strictly: UTF-8, no byte order mark, no lone surrogate, no key twice, no absurd nesting."""

import json
from collections.abc import Iterable
from typing import Any

from receiver import json_text
from receiver.errors import BadMessage

_DEEPEST = 16


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises BadMessage for anything else, also for a key that stands twice at any level.

    RFC 8259 section 4 leaves open what a repeated key means, so the signature could be checked over one value and the
    other be used.
    """
    try:
        fields = json_text.parse(body)
    except ValueError as error:
        raise BadMessage("not_json", f"the body is not JSON: {error}") from None
    if type(fields) is not dict:
        raise BadMessage("not_json", "the body is not a JSON object")
    strings = _strings(fields, _DEEPEST)
    # A repeated key is lost when it is read, so the quotation marks of its text are missing in what was read, unless
    # escapes make up for them. Searched from the end, those take half the time: it goes by their first character.
    if body.count(b'"') != 2 * len(strings) + "".join(strings).count('"') or body.rfind(b"\\u0022") >= 0:
        _refuse_repeated_keys(body)
    return fields


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


def _refuse_repeated_keys(body: bytes) -> None:
    json.loads(body, object_pairs_hook=_unique, parse_int=str, parse_float=str)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise BadMessage("duplicate_key", f"the key {repeated[:100]!a} stands more than once")
    return fields
