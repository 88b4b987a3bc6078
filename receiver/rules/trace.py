"""Why a rule matches or does not: the first condition that failed, with the value seen."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from receiver.rules.consistency import holds
from receiver.rules.errors import dotted
from receiver.rules.pattern import CompiledBranch, Pattern
from receiver.rules.rule import Rule
from receiver.rules.terms import Term
from receiver.rules.values import MISSING, leaves, nested

_MOST_VALUES = 5
_MOST_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that a document does not fulfil."""

    path: str
    """The field, as the rules file writes it."""
    wanted: str
    """The pattern's list for it, as JSON."""
    seen: str
    """The field's value as JSON, several where it is in a list; `absent` where there is none."""
    hint: str = ""
    """What helps to see why, or nothing."""

    def __str__(self) -> str:
        return f"{self.path} is {self.seen}, wanted {self.wanted}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule for one notification."""

    rule: Rule
    matched: bool
    fired: bool
    """False too where the rule matched but is not enabled, or an earlier rule with `stop` ended the search."""
    failed: Condition | None = None
    """The first condition that failed; with `$or`, of the alternative that came furthest."""


def first_failure(pattern: Pattern, document: Mapping[str, Any]) -> Condition | None:
    """The first condition that a document fails in the order of the pattern, None where it matches."""
    if pattern.matches(document):
        return None
    event = dict(document)
    branch, place = max(((branch, _reached(branch, event)) for branch in pattern.branches), key=lambda pair: pair[1])
    if place < len(branch.terms):
        term = branch.terms[place]
        return _condition(term, event, _absence(term, event))
    return _inconsistent(branch, event)


def seen(document: dict[str, Any], path: tuple[str, ...]) -> str:
    """What a document has at a path, as text for people."""
    values = list(islice(leaves(document, path), _MOST_VALUES + 1))
    if not values:
        return _empty(document, path)
    if len(values) == 1:
        return _short(json.dumps(values[0], ensure_ascii=False, default=str))
    shown = ", ".join(json.dumps(value, ensure_ascii=False, default=str) for value in values[:_MOST_VALUES])
    return _short(f"{shown}, …" if len(values) > _MOST_VALUES else shown)


def _reached(branch: CompiledBranch, event: dict[str, Any]) -> int:
    """How many conditions hold, each on its own, before the first that does not."""
    failing = (place for place, term in enumerate(branch.terms) if not holds((term,), event))
    return next(failing, len(branch.terms))


def _inconsistent(branch: CompiledBranch, event: dict[str, Any]) -> Condition:
    """The first condition that holds, but only in another element of a list than those before it."""
    count = next(count for count in range(1, len(branch.ordered) + 1) if not holds(branch.ordered[:count], event))
    before = ", ".join(dotted(term.path) for term in branch.ordered[: count - 1])
    return _condition(branch.ordered[count - 1], event, f"not in the same list element as {before}")


def _condition(term: Term, event: dict[str, Any], hint: str) -> Condition:
    return Condition(dotted(term.path), _short(term.leaf.wanted), seen(event, term.path), hint)


def _absence(term: Term, event: dict[str, Any]) -> str:
    """Where the way to an absent field ends, and the name that comes close to the one that is missing."""
    value: Any = event
    for place, key in enumerate(term.path):
        if not isinstance(value, dict):
            return ""
        value, names = nested(value).get(key, MISSING), nested(value).keys()
        if value is MISSING:
            where = dotted(term.path[:place]) or "the document"
            close = difflib.get_close_matches(key, names, n=1) or [
                name for name in names if name.lower() == key.lower()
            ]
            return f"{where} has no {key}" + (f"; did you mean {close[0]}?" if close else "")
    return ""


def _empty(document: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value: Any = document
    for key in path:
        if not isinstance(value, dict):
            return "absent"
        value = value.get(key, MISSING)
    if value is MISSING:
        return "absent"
    return "an object, which has no value of its own" if isinstance(value, dict) else "a list without values"


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
