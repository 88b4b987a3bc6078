"""Event patterns with the semantics of Amazon EventBridge, compiled.

Sources: EventBridge User Guide ("Creating event patterns") and Amazon's Event Ruler, whose behaviour decides where
the guide is silent.
"""

import json
from collections.abc import Mapping
from typing import Any

from receiver.rules.consistency import holds
from receiver.rules.errors import PatternError
from receiver.rules.terms import Branch, parse_branches
from receiver.rules.values import MISSING, dotted_forms, is_indirect

__all__ = ["CompiledBranch", "Pattern", "PatternError"]


class CompiledBranch:
    """Fields that must match together.

    Most fields of most events are reached through objects alone and hold one scalar: those are tested where they
    are. Where a list or a name with dots comes in the way, `consistency.holds` decides about the whole branch.
    """

    __slots__ = ("_steps", "ordered", "terms")

    def __init__(self, terms: Branch) -> None:
        self.terms = terms
        """In the order in which the pattern writes them."""
        self.ordered = tuple(sorted(terms, key=lambda term: term.name))
        """In the order of their names, in which Event Ruler takes them."""
        self._steps = tuple((term.path, term.leaf.test, dotted_forms(term.path)) for term in terms)

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether every field matches."""
        for path, test, forms in self._steps:
            value: Any = event
            try:
                for key in path:
                    value = value[key]
            except (KeyError, TypeError):
                value = MISSING
            kind = type(value)
            if kind is list:
                return holds(self.ordered, event)
            if kind is dict:
                value = MISSING
            if value is MISSING or not test(value):
                if forms and is_indirect(event, path, forms):
                    return holds(self.ordered, event)
                if value is not MISSING or not test(MISSING):
                    return False
        return True


class Pattern:
    """A compiled event pattern."""

    __slots__ = ("branches", "source")

    def __init__(self, source: Mapping[str, Any], branches: tuple[Branch, ...]) -> None:
        self.source = source
        """As it was written."""
        self.branches = tuple(map(CompiledBranch, branches))
        """One for each choice among the pattern's `$or`s, of which one must match."""

    @classmethod
    def parse(cls, source: Mapping[str, Any]) -> "Pattern":
        """Read a pattern from tables and lists as TOML or JSON gives them. Raises PatternError."""
        return cls(source, parse_branches(source))

    @classmethod
    def parse_json(cls, text: str) -> "Pattern":
        """Read a pattern from JSON, which has the `null` that TOML lacks. Raises PatternError."""
        try:
            source = json.loads(text, object_pairs_hook=_no_repeats)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise PatternError((), f"not JSON: {error.msg} at {place}") from None
        except RecursionError:
            raise PatternError((), "nested too deeply") from None
        return cls.parse(source)

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the event, an object as a JSON parser gives it, fulfils every condition."""
        event = event if type(event) is dict else dict(event)
        for branch in self.branches:  # noqa: SIM110 - a generator would cost as much as the match itself
            if branch.matches(event):
                return True
        return False

    def fields(self) -> tuple[tuple[str, ...], ...]:
        """The paths that the pattern reads, each once, in the order in which it names them."""
        paths = (term.path for branch in self.branches for term in branch.terms)
        return tuple(dict.fromkeys(paths))

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: as it was written, for tests of fields are functions."""
        return Pattern.parse, (self.source,)

    def __repr__(self) -> str:
        return f"Pattern({self.source!r})"


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PatternError((twice,), "named twice in one object: JSON parsers would keep one of the two")
    return fields
