"""Event patterns: the compiled ones, the index over rules and the explanation agree with a naive reading of the source.

The naive reading knows nothing of the compiler: it takes the pattern's JSON apart itself, judges each scalar by the
operators' descriptions, and searches the flattened event for fields that agree.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

from hypothesis import strategies as st

from receiver.notification import Envelope, Notification
from receiver.rules import Pattern, PatternError, Rule, Table
from receiver.rules.values import MISSING
from tests.fuzz.target import Target, demand, depth_of, text_of
from tests.receiver.rules.generated import EVENTS, PATTERNS
from tests.receiver.rules.reference import flatten, outside, search

Matches = Callable[[Pattern, Mapping[str, Any]], bool]

_MOST_LEAVES = 60
_MOST_BRANCHES = 40
_DEEPEST = 30
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: -5e9 <= value < bound,
    "<=": lambda value, bound: -5e9 <= value <= bound,
    ">": lambda value, bound: bound < value <= 5e9,
    ">=": lambda value, bound: bound <= value <= 5e9,
}


class PatternOracle:
    """`Pattern.matches` and everything that must agree with it."""

    def __init__(self, matches: Matches = Pattern.matches) -> None:
        self._matches = matches

    def check(self, data: bytes) -> None:
        """JSON `{"pattern": …, "event": …}`; without these two, the text is read as a pattern's JSON."""
        text = text_of(data)
        try:
            case = json.loads(text)
            source, event = case["pattern"], case["event"]
        except (ValueError, KeyError, TypeError, RecursionError):
            _only_refused(lambda: Pattern.parse_json(text))
            return
        pattern = _only_refused(lambda: Pattern.parse(source))
        if pattern is None or not isinstance(event, dict) or depth_of(case) > _DEEPEST:
            return
        matched = self._matches(pattern, event)
        self._agree(pattern, event, matched)
        branches = naive_branches(source)
        fields = flatten(event)
        if outside(pattern, event) or len(fields) > _MOST_LEAVES or len(branches) > _MOST_BRANCHES or _odd_names(case):
            return
        wanted = [sorted(branch.items(), key=lambda item: item[0]) for branch in branches]
        expected = any(search(branch, fields, {}) for branch in wanted)
        assert matched is expected, f"{source} {'matches' if matched else 'does not match'} {event}"

    @staticmethod
    def _agree(pattern: Pattern, event: dict[str, Any], matched: bool) -> None:
        rule = Rule("r", pattern, ("h",))
        table = Table([rule])
        assert bool(table.firing(event)) is matched, "the index says something else"
        envelope = Envelope("", "id", "arn", 0.0)
        notification = Notification("m:id", 0, "", "", "", "", "", 0.0, envelope, event)
        (verdict,) = table.explain(notification)
        assert verdict.matched is matched, f"the explanation says something else: {verdict.failed}"
        assert (verdict.failed is None) is matched
        assert len(table.route(notification)) == matched


def naive_branches(source: Mapping[str, Any]) -> list[dict[str, Callable[[Any], bool]]]:
    """A pattern's choices, each by its fields' dotted names, from the source alone."""
    options: list[list[dict[str, Any]]] = []
    for name, value in source.items():
        if name == "$or":
            options.append([branch for table in value for branch in naive_branches(table)])
        elif isinstance(value, dict):
            options.append(
                [
                    {f"{name}.{rest}" if rest else name: leaf for rest, leaf in inner.items()}
                    for inner in naive_branches(value)
                ]
            )
        else:
            options.append([{name: _leaf(value)}])
    return [{name: leaf for part in choice for name, leaf in part.items()} for choice in product(*options)]


def _leaf(entries: list[Any]) -> Callable[[Any], bool]:
    return lambda value: any(naive_accepts(entry, value) for entry in entries)


def naive_accepts(entry: Any, value: Any) -> bool:
    """Whether one entry of a pattern's list accepts a scalar or MISSING, by the operator's description."""
    if isinstance(entry, dict):
        ((operator, operand),) = entry.items()
        if operator == "exists":
            return operand is (value is not MISSING)
        return value is not MISSING and _OPERATORS[operator](operand, value)
    return value is not MISSING and _equal(entry, value)


def _equal(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and (one is None) is (other is None) and one == other


def _text_operator(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """A test of texts, whose operand may say that case does not count."""

    def accepts(operand: Any, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(operand, dict):
            return test(operand["equals-ignore-case"].lower(), value.lower())
        return test(operand, value)

    return accepts


def _anything_but(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        ((operator, texts),) = operand.items()
        return not any(_OPERATORS[operator](text, value) for text in (texts if isinstance(texts, list) else [texts]))
    return not any(_equal(each, value) for each in (operand if isinstance(operand, list) else [operand]))


def _wildcard(operand: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    pieces = re.findall(r"\\.|.", operand, re.DOTALL)
    quoted = (piece if piece == "*" else f"[{piece[-1]}]" if piece[-1] in "*?[" else piece[-1] for piece in pieces)
    return fnmatch.fnmatchcase(value, "".join(quoted))


def _numeric(operand: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(_COMPARE[sign](value, bound) for sign, bound in zip(operand[::2], operand[1::2], strict=True))


def _cidr(operand: str, value: Any) -> bool:
    try:
        return isinstance(value, str) and ip_address(value) in ip_network(operand, strict=False)
    except ValueError:
        return False


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": _text_operator(lambda operand, value: value.startswith(operand)),
    "suffix": _text_operator(lambda operand, value: value.endswith(operand)),
    "equals-ignore-case": _text_operator(lambda operand, value: value.lower() == operand.lower()),
    "exactly": _text_operator(lambda operand, value: value == operand),
    "anything-but": _anything_but,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
}


def _only_refused(parse: Callable[[], Pattern]) -> Pattern | None:
    try:
        return parse()
    except PatternError as error:
        demand(bool(str(error).strip()), "an error without words")
        return None


def _odd_names(value: Any) -> bool:
    """Names with empty parts, and texts whose lower case is none of ASCII's, which the naive reading does not cover."""
    text = json.dumps(value, ensure_ascii=False)
    return not text.isascii() or any("" in name.split(".") for name in _names(value))


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(name for inner in value.values() for name in _names(inner))]
    return [name for inner in value for name in _names(inner)] if isinstance(value, list) else []


TARGET = Target(
    "pattern",
    PatternOracle().check,
    st.builds(lambda pattern, event: json.dumps({"pattern": pattern, "event": event}).encode(), PATTERNS, EVENTS),
    (
        *(
            '{"pattern":{"a":[',
            '},"event":{"a":',
            '{"prefix":"',
            '{"suffix":"',
            '{"wildcard":"',
            '{"numeric":[">",0,"<=",2]}',
        ),
        *(
            '{"anything-but":',
            '{"exists":true}',
            '{"exists":false}',
            '{"equals-ignore-case":"',
            '{"cidr":"10.0.0.0/8"}',
            '"$or":[',
        ),
        *('{"exactly":"', '"a.b":[', "[[", "]]", "null", "true", "1.0", "5e9"),
    ),
)
