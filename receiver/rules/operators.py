"""Reading one entry of a pattern's list: a value, or `{ operator = operand }`.

Source of what is valid: the rule compiler of Amazon's Event Ruler and the EventBridge User Guide. Operator names are
case-sensitive. Each refusal says what to write instead.
"""

import difflib
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from receiver.rules.errors import PatternError
from receiver.rules.matchers import (
    LARGEST_NUMBER,
    Absent,
    AnythingBut,
    Cidr,
    Equal,
    IgnoreCase,
    Matcher,
    Numeric,
    Prefix,
    Present,
    Suffix,
)
from receiver.rules.values import Identity, identity
from receiver.rules.wildcard import parse_wildcard

Path = tuple[str | int, ...]

_DECIMALS = 6
_CURES = {
    "contains": '{ wildcard = "*text*" }',
    "equals": 'the value itself, without an operator, or { equals-ignore-case = "text" }',
    "in": "the values themselves in the list",
    "is": "the value itself, without an operator",
    "not": "{ anything-but = [...] }",
    "regex": '{ wildcard = "a*z" }; there are no regular expressions',
    "startsWith": '{ prefix = "text" }',
    "endsWith": '{ suffix = "text" }',
    ">": '{ numeric = [">", 0] }',
    ">=": '{ numeric = [">=", 0] }',
    "<": '{ numeric = ["<", 0] }',
    "<=": '{ numeric = ["<=", 0] }',
    "=": '{ numeric = ["=", 0] }',
}


def parse_condition(source: Any, path: Path) -> Matcher:
    """The matcher of a list's entry. Raises PatternError."""
    if not isinstance(source, Mapping):
        return Equal(identity(_scalar(source, path)))
    name = _single(source, path, "prefix")
    if name not in OPERATORS:
        raise PatternError(path, _unknown(name, tuple(OPERATORS)))
    return OPERATORS[name](source[name], (*path, name))


def toml(value: Any) -> str:
    """A value as one would write it in the rules file, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "what is nested this deeply"
    return text if len(text) <= 60 else text[:59] + "…"


def _single(source: Mapping[str, Any], path: Path, example: str) -> str:
    if len(source) == 1:
        return next(iter(source))
    if source:
        raise PatternError(path, f"one operator a table: write [{{ {example} = … }}, {{ … }}] to accept either")
    raise PatternError(path, f'an empty table: write an operator, as in {{ {example} = "text" }}')


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if name in _CURES:
        return f"there is no operator {toml(name)}: write {_CURES[name]}"
    close = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}"
    return f"there is no operator {toml(name)}: {hint}"


def _scalar(value: Any, path: Path) -> str | int | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        raise PatternError(path, f"{value} is no JSON number")
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, date | time):
        raise PatternError(path, f'times are texts in events: put quotes around it, "{value.isoformat()}"')
    if isinstance(value, list):
        raise PatternError(path, "a list inside the list: write its values into the outer one")
    raise PatternError(path, f"a text, number, true, false or an operator is expected, not {toml(value)}")


def _text(value: Any, path: Path) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        raise PatternError(path, f'takes one text, not a list: write an entry for each, [{{ {path[-1]} = "…" }}, …]')
    cure = f'write "{value}"' if isinstance(value, int | float) else 'write it as "text"'
    raise PatternError(path, f"{toml(value)} is no text: {cure}")


def _number(value: Any, path: Path) -> float:
    """A number that EventBridge compares: within five billion, six decimals at most."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PatternError(path, f"{toml(value)} is no number: write it without quotes")
    if abs(value) > LARGEST_NUMBER:
        raise PatternError(path, f"{value} is out of range: numbers are compared from -5e9 to 5e9")
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DECIMALS:
        raise PatternError(path, f"{value} has more than six decimals: numbers are compared to the sixth")
    return value


def _wildcard(value: Any, path: Path) -> Matcher:
    try:
        return parse_wildcard(_text(value, path))
    except PatternError:
        raise
    except ValueError as error:
        raise PatternError(path, str(error)) from None


def _affix(plain: Callable[[str], Matcher], any_case: Callable[[str], Matcher]) -> Callable[[Any, Path], Matcher]:
    """The reader of `prefix` and `suffix`: a text, or `{ equals-ignore-case = text }`."""

    def parse(value: Any, path: Path) -> Matcher:
        if not isinstance(value, Mapping):
            return plain(_text(value, path))
        name = _single(value, path, "equals-ignore-case")
        if name != "equals-ignore-case":
            raise PatternError(path, f"takes a text or {{ equals-ignore-case = … }}, not {name}")
        return any_case(_text(value[name], (*path, name)))

    return parse


def _exists(value: Any, path: Path) -> Matcher:
    if not isinstance(value, bool):
        raise PatternError(path, f"{toml(value)} is neither true nor false, which are written without quotes")
    return Present() if value else Absent()


def _cidr(value: Any, path: Path) -> Matcher:
    text = _text(value, path)
    if text.count("/") != 1 or not text.partition("/")[2].isdecimal():
        raise PatternError(path, f'{toml(text)} is no network: write an address, / and bits, as in "10.0.0.0/24"')
    try:
        return Cidr(ip_network(text, strict=False))
    except ValueError as error:
        raise PatternError(path, f'{error}: write an address, / and bits, as in "10.0.0.0/24"') from None


def _numeric(value: Any, path: Path) -> Matcher:
    if not isinstance(value, list) or len(value) not in (2, 4):
        raise PatternError(path, 'write a comparison or a range: [">", 0] or [">=", 0, "<", 100]')
    comparisons = list(zip(value[::2], value[1::2], strict=True))
    bounds = [
        (_comparison(sign, (*path, 2 * at)), _number(number, (*path, 2 * at + 1)))
        for at, (sign, number) in enumerate(comparisons)
    ]
    if len(bounds) == 1:
        sign, number = bounds[0]
        return _half_open(sign, number)
    (low_sign, low), (high_sign, high) = bounds
    if low_sign not in (">", ">=") or high_sign not in ("<", "<="):
        raise PatternError(path, 'a range names its lower bound first, then its upper one: [">=", 0, "<", 100]')
    if low >= high:
        raise PatternError(path, f"an empty range: {low} is not below {high}")
    return Numeric(low, high, (low_sign == ">=", high_sign == "<="))


def _comparison(sign: Any, path: Path) -> str:
    if sign in ("=", "<", "<=", ">", ">="):
        return str(sign)
    raise PatternError(path, f'{toml(sign)} is no comparison: use "=", "<", "<=", ">" or ">="')


def _half_open(sign: str, number: float) -> Numeric:
    if sign == "=":
        return Numeric(number, number)
    if sign in (">", ">="):
        return Numeric(low=number, inclusive=(sign == ">=", True))
    return Numeric(high=number, inclusive=(True, sign == "<="))


def _anything_but(value: Any, path: Path) -> Matcher:
    if isinstance(value, Mapping):
        return _anything_but_operator(value, path)
    entries = value if isinstance(value, list) else [value]
    return AnythingBut(values=frozenset(_excluded(entries, path)))


def _excluded(entries: list[Any], path: Path) -> list[Identity]:
    if not entries:
        raise PatternError(path, "an empty list excludes nothing: write at least one value")
    for at, entry in enumerate(entries):
        if isinstance(entry, bool) or not isinstance(entry, str | int | float):
            raise PatternError((*path, at), f"{toml(entry)} cannot be excluded: only texts and numbers can")
    texts = [entry for entry in entries if isinstance(entry, str)]
    if texts and len(texts) < len(entries):
        raise PatternError(path, "texts and numbers together: a list excludes either only texts or only numbers")
    return [*texts] or [_number(entry, (*path, at)) for at, entry in enumerate(entries)]


def _anything_but_operator(value: Mapping[str, Any], path: Path) -> Matcher:
    name = _single(value, path, "prefix")
    if name not in _EXCLUDABLE:
        raise PatternError(path, f"takes values, or one of {', '.join(_EXCLUDABLE)}, not {name}")
    path = (*path, name)
    operand = value[name]
    texts = operand if isinstance(operand, list) else [operand]
    if not texts:
        raise PatternError(path, "an empty list excludes nothing: write at least one text")
    for text in texts:
        if not _text(text, path) and name in ("prefix", "suffix"):
            raise PatternError(path, f"every text has the empty {name}: write some text")
    return AnythingBut(matchers=frozenset(_EXCLUDABLE[name](text, path) for text in texts))


_EXCLUDABLE: Mapping[str, Callable[[Any, Path], Matcher]] = {
    "prefix": lambda value, _: Prefix(value),
    "suffix": lambda value, _: Suffix(value),
    "equals-ignore-case": lambda value, _: IgnoreCase.whole(value),
    "wildcard": _wildcard,
}
OPERATORS: Mapping[str, Callable[[Any, Path], Matcher]] = {
    "prefix": _affix(Prefix, IgnoreCase.start),
    "suffix": _affix(Suffix, IgnoreCase.end),
    "equals-ignore-case": lambda value, path: IgnoreCase.whole(_text(value, path)),
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
    "exactly": lambda value, path: Equal(_text(value, path)),
}
"""How each operator's operand is read."""
