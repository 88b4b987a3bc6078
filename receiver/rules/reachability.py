"""Rules that can never fire, found without an event. Nothing is reported that some event could disprove."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from receiver.notification import normal_type
from receiver.rules.errors import dotted
from receiver.rules.leaf import Leaf
from receiver.rules.matchers import Numeric, Prefix, Present
from receiver.rules.pattern import CompiledBranch, Pattern
from receiver.rules.rule import Rule
from receiver.rules.terms import Term

_TEXTS = ("type", "version", "event_time", "notification_id", "seller_id", "marketplace_id", "topic", "subject")
_ALWAYS = ("type", "event_time")
_NEVER_EMPTY = ("version", "notification_id", "seller_id", "marketplace_id", "subject")
_INTERNAL = "router."
_TYPE = ("type",)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A rule that never gets an event, for an earlier one with `stop` takes all of them."""

    rule: Rule
    by: Rule


def never_matches(pattern: Pattern) -> str | None:
    """Why no notification can match a pattern, None where one might.

    Relies on what `receiver.notification` makes of every message: which fields at a document's root are texts, and
    which of them are always there.
    """
    reasons = [next(filter(None, map(_impossible, branch.terms)), None) for branch in pattern.branches]
    return reasons[0] if all(reasons) else None


def shadowed(rules: Iterable[Rule]) -> list[Shadow]:
    """The rules whose every event an earlier rule with `stop` provably takes, each with the first such rule."""
    found: list[Shadow] = []
    stops: list[Rule] = []
    for rule in rules:
        if not rule.enabled:
            continue
        if by := next((stop for stop in stops if _takes_all(stop.pattern, rule.pattern)), None):
            found.append(Shadow(rule, by))
        elif rule.stop:
            stops.append(rule)
    return found


def implies(narrow: Pattern | None, wide: Pattern | None) -> bool:
    """Whether it is certain that what matches `narrow` matches `wide`. None matches everything."""
    if wide is None or narrow is None:
        return wide is None
    return all(any(_branch_implies(branch, other) for other in wide.branches) for branch in narrow.branches)


def _takes_all(stop: Pattern | None, rule: Pattern | None) -> bool:
    """Whether a rule with `stop` gets all that another could, the daemon's own notifications too.

    Only a rule that asks for their type gets those, so that a `stop` without a type leaves them to later rules.
    """
    return implies(rule, stop) and (not _may_ask_for_own(rule) or _asks_by_type(stop))


def _may_ask_for_own(pattern: Pattern | None) -> bool:
    types = [term.leaf for branch in pattern.branches for term in branch.terms if term.path == _TYPE] if pattern else []
    return any(
        any(not isinstance(each, Prefix) or _overlap(each.text, _INTERNAL) for each in leaf.matchers)
        or any(isinstance(value, str) and value.startswith(_INTERNAL) for value in leaf.values)
        for leaf in types
    )


def _asks_by_type(pattern: Pattern | None) -> bool:
    """Whether no message without a type matches."""
    return pattern is not None and all(
        any(term.path == _TYPE and not term.leaf.accepts("") for term in branch.terms) for branch in pattern.branches
    )


def _branch_implies(narrow: CompiledBranch, wide: CompiledBranch) -> bool:
    leaves = {term.path: term.leaf for term in narrow.terms}
    if not all(term.path in leaves and _within(leaves[term.path], term.leaf) for term in wide.terms):
        return False
    # Absence depends on the list elements that the fields before it settle, so those have to be the same.
    return len(leaves) == len(wide.terms) or not any(leaves[term.path].absent for term in wide.terms)


def _within(narrow: Leaf, wide: Leaf) -> bool:
    """Whether every value that one leaf accepts is accepted by the other."""
    if narrow.absent and not wide.absent:
        return False
    operators = Present() in wide.matchers or narrow.matchers <= wide.matchers
    return operators and all(map(wide.accepts, narrow.values))


def _impossible(term: Term) -> str | None:
    """Why no document fulfils a condition."""
    root, *inner = term.path
    if term.leaf.absent:
        return _always_there(term) if root in _ALWAYS and not inner else None
    if root in _TEXTS and inner:
        return f"{dotted(term.path)}: {root} is a text and has no fields"
    if root in _TEXTS or (root == "attributes" and inner):
        return _not_text(term) or _unusual_type(term) or _empty_text(term)
    return None


def _always_there(term: Term) -> str | None:
    if term.leaf.values or term.leaf.matchers:
        return None
    return f"{dotted(term.path)}: every notification has it"


def _not_text(term: Term) -> str | None:
    """A field that is always text, wanted as number, true, false or null."""
    if any(isinstance(value, str) for value in term.leaf.values):
        return None
    if not all(isinstance(matcher, Numeric) for matcher in term.leaf.matchers):
        return None
    return f"{dotted(term.path)}: the field is a text, which {term.leaf.wanted} never matches"


def _empty_text(term: Term) -> str | None:
    if len(term.path) > 1 or term.path[0] not in _NEVER_EMPTY or not term.leaf.exact or set(term.leaf.values) != {""}:
        return None
    return f"{dotted(term.path)}: where it is empty it is not there: write [{{ exists = false }}]"


def _unusual_type(term: Term) -> str | None:
    """Types are written UPPER_SNAKE in documents, whatever their casing was in the message."""
    prefixes = [each.text for each in term.leaf.matchers if isinstance(each, Prefix)]
    if term.path != _TYPE or len(prefixes) < len(term.leaf.matchers):
        return None
    names = [value for value in term.leaf.values if isinstance(value, str)]
    if any(name == normal_type(name) or name.startswith(_INTERNAL) for name in names):
        return None
    if any(not re.search("[a-z]", text) or _overlap(text, _INTERNAL) for text in prefixes):
        return None
    if prefixes:
        return f"type: types are written in capitals, none begins with {', '.join(map(json.dumps, sorted(prefixes)))}"
    return f"type: types are written in capitals: write {', '.join(sorted(map(normal_type, names)))}"


def _overlap(text: str, other: str) -> bool:
    """Whether a text can begin with both."""
    return text.startswith(other) or other.startswith(text)
