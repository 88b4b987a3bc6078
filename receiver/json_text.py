"""JSON as orjson reads it, with one failure told apart: want of memory is no fault of the text."""

import json
from typing import Any

import orjson

_NO_MEMORY = "Not enough memory"


def parse(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError where it is none, MemoryError where it cannot be read now.

    orjson reports both as JSONDecodeError; taken for bad JSON, a genuine message would be refused for good.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith(_NO_MEMORY):
            raise MemoryError(error.msg) from None
        raise


def compact(value: Any) -> str:
    """The shortest JSON text of a value that `parse` gave. Raises ValueError for one that is nested too deep."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        pass
    try:
        return json.dumps(value, separators=(",", ":"))
    except RecursionError:
        raise ValueError("the value is nested too deep to be written") from None
