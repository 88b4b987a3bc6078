"""What pydantic finds, in words for who wrote the rules file: what was expected, what stands there, the cure.

A value is shown only where it cannot be a secret: a truth value, or a number that is out of its bounds.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from receiver.config.suggest import did_you_mean, nearest

_KINDS: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "string": ("a text in quotes", str),
    "int": ("a whole number", int),
    "float": ("a number", (int, float)),
    "bool": ("true or false", bool),
    "list": ("a list in brackets", list),
    "tuple": ("a list in brackets", list),
    "set": ("a list in brackets", list),
    "frozen_set": ("a list in brackets", list),
    "dict": ("a table", dict),
    "model": ("a table", dict),
    "model_attributes": ("a table", dict),
    "dataclass": ("a table", dict),
    "path": ("a path in quotes", str),
    "url": ("a URL in quotes", str),
    "bytes": ("a text in quotes", str),
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


def message(error: ErrorDetails, known: Iterable[str]) -> str:
    """One error in words. `known` are the keys of the table that the error's key stands in."""
    kind = error["type"]
    context = error.get("ctx", {})
    if kind in _SAID:
        return _SAID[kind](error, context)
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"there is no such key here: {did_you_mean(str(error['loc'][-1]), known, 'the keys are')}"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"must be {words} {context[name]}{_instead(error['input'])}"
    base = kind.removesuffix("_type").removesuffix("_parsing")
    if base in _KINDS:
        return _wrong_kind(base, error["input"])
    text = error["msg"]
    return text[:1].lower() + text[1:]


def kind_of(value: Any) -> str:
    """What a value of the file is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return (
        "a list" if isinstance(value, list | tuple) else "a table" if isinstance(value, Mapping) else "something else"
    )


def _wrong_kind(base: str, value: Any) -> str:
    expected, types = _KINDS[base]
    if base == "int" and isinstance(value, float):
        return f"must be {expected}, and has a fraction"
    found = f"must be {expected}, and is {kind_of(value)}"
    if isinstance(value, str) and types is not str and isinstance(_unquoted(value), types):
        return f"{found}: take the quotes away"
    if expected.startswith("a text") and isinstance(value, int | float):
        return f"{found}: put it in quotes"
    if expected.startswith("a list") and isinstance(value, str):
        return f"{found}: put it in brackets, even where it is the only one"
    return found


def _unquoted(text: str) -> Any:
    if text in {"true", "false"}:
        return text == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _instead(value: Any) -> str:
    return f", and is {value}" if isinstance(value, int | float) else ""


def _choice(error: ErrorDetails, context: Mapping[str, Any]) -> str:
    expected = str(context.get("expected", ""))
    value = error["input"]
    choices = [part.strip("' ") for part in expected.replace(" or ", ", ").split(",")]
    near = nearest(value, choices) if isinstance(value, str) else None
    if near:
        hint = f': did you mean "{near}"?'
    elif isinstance(value, str):
        hint = ""
    else:
        hint = f", and is {kind_of(value)}" + (": put it in quotes" if str(value) in choices else "")
    return f"must be {expected.replace(chr(39), chr(34))}{hint}"


def _length(error: ErrorDetails, context: Mapping[str, Any]) -> str:
    least, most = context.get("min_length"), context.get("max_length")
    unit = "characters" if isinstance(error["input"], str) else "entries"
    if least == 1:
        return "must not be empty"
    return f"needs at least {least} {unit}" if least is not None else f"has more than {most} {unit}"


def _own(_error: ErrorDetails, context: Mapping[str, Any]) -> str:
    return str(context["error"])


_SAID: Mapping[str, Callable[[ErrorDetails, Mapping[str, Any]], str]] = {
    "missing": lambda _error, _context: "is missing",
    "missing_argument": lambda _error, _context: "is missing",
    "value_error": _own,
    "assertion_error": _own,
    "literal_error": _choice,
    "enum": _choice,
    "too_short": _length,
    "too_long": _length,
    "string_too_short": _length,
    "string_too_long": _length,
    "string_pattern_mismatch": lambda _error, context: f"does not have the form {context['pattern']}",
    "none_required": lambda _error, _context: "must be left out",
    "finite_number": lambda _error, _context: "must be a finite number",
}
