"""JSON as handlers write it: also of messages that are nested deeper than orjson writes, which reads deeper ones."""

import json
from typing import Any

import orjson

from handlers.errors import TemplateError


def written(value: Any) -> bytes:
    """A value of JSON as a short text. Raises TemplateError for one that is nested too deep to be written."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return slowly(value).encode()


def slowly(value: Any) -> str:
    """As `written`, by the writer of Python's own, which goes some 950 levels deep. Raises TemplateError."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise TemplateError("the value is nested too deep to be written") from None
