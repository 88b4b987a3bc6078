"""Whether an outcome can be recorded: a handler of the user's own may fill its fields with anything."""

from types import NoneType
from typing import Any

from handlers.base import Dead, Done, Outcome, Postpone, Retry

_BYTES = (bytes, bytearray)
_SECONDS = (float, int)
_ANSWER: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("status", (int, NoneType)),
    ("response", _BYTES),
    ("request_id", (str,)),
)
_FIELDS: dict[type[Any], tuple[tuple[str, tuple[type, ...]], ...]] = {
    Done: (("result", (*_BYTES, NoneType)), ("detail", (str,)), *_ANSWER),
    Retry: (("reason", (str,)), ("after", (*_SECONDS, NoneType)), ("begun", (bool,)), *_ANSWER),
    Dead: (("reason", (str,)), *_ANSWER),
    Postpone: (("reason", (str,)), ("after", _SECONDS), ("begun", (bool,)), ("status", (int, NoneType))),
}
_LARGEST_STATUS = 2**31


def fault_of(outcome: object) -> str | None:
    """Why what a handler returned cannot be recorded, in words, or None where it can."""
    if not isinstance(outcome, Outcome):
        return f"the handler returned {type(outcome).__name__}, which is no outcome"
    kind = next(kind for kind in _FIELDS if isinstance(outcome, kind))
    for name, types in _FIELDS[kind]:
        value = getattr(outcome, name)
        if not isinstance(value, types):
            wanted = types[0].__name__
            found = type(value).__name__
            return f"the handler returned {kind.__name__} whose {name} is of type {found}, not {wanted}"
    if outcome.status is not None and abs(outcome.status) >= _LARGEST_STATUS:
        return f"the handler returned {kind.__name__} whose status is too large"
    return None
