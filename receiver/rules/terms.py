"""Reading a pattern's tables: fields under names, lists of conditions at the leaves, `$or` at any depth.

Sources: EventBridge User Guide ("Using multiple matching", `$or`) and Event Ruler's rule compiler: a pattern is a
list of branches, one for each choice among its `$or`s, and each branch a set of fields that must all match.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.rules.errors import PatternError, dotted
from receiver.rules.leaf import Leaf
from receiver.rules.operators import OPERATORS, Path, parse_condition, toml

_MOST_BRANCHES = 1000
_MOST_LEVELS = 50
_OR = "$or"
_RESERVED = frozenset(
    [
        *OPERATORS, "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "date-after",
        "date-on-or-after", "date-before", "date-on-or-before", "in-date-range", "ip-address-in-range",
        "ip-address-not-in-range",
    ]
)  # fmt: skip
"""Names that Event Ruler refuses as fields inside `$or`."""


@dataclass(frozen=True, slots=True)
class Term:
    """A field and its conditions."""

    path: tuple[str, ...]
    """The names from the event's root, names with dots split."""
    leaf: Leaf

    @property
    def name(self) -> str:
        """The path as events are flattened by."""
        return ".".join(self.path)


Branch = tuple[Term, ...]


def parse_branches(source: Any) -> tuple[Branch, ...]:
    """The branches of a pattern, of which one must hold. Raises PatternError."""
    if not isinstance(source, Mapping):
        raise PatternError((), f"a pattern is a table of fields, not {toml(source)}")
    branches = _table(source, (), (), inside_or=False)
    for branch in branches:
        _refuse_repeats(branch)
    return tuple(branches)


def _table(source: Mapping[str, Any], where: Path, prefix: tuple[str, ...], inside_or: bool) -> list[Branch]:
    if not source:
        raise PatternError(where, "an empty table matches nothing: write a field, or leave it out")
    if len(where) > 2 * _MOST_LEVELS:
        raise PatternError(where[:3], "$or is nested too deeply")
    branches: list[Branch] = [()]
    for key, value in source.items():
        options = _or(value, (*where, key), prefix) if key == _OR else _field(key, value, where, prefix, inside_or)
        if len(branches) * len(options) > _MOST_BRANCHES:
            raise PatternError((*where, key), f"more than {_MOST_BRANCHES} combinations of $or: write several rules")
        branches = [branch + option for branch in branches for option in options]
    return branches


def _or(source: Any, where: Path, prefix: tuple[str, ...]) -> list[Branch]:
    if not isinstance(source, list) or len(source) < 2 or not all(isinstance(table, Mapping) for table in source):
        raise PatternError(where, "$or takes a list of at least two tables: [{ a = [1] }, { b = [2] }]")
    return [branch for at, table in enumerate(source) for branch in _table(table, (*where, at), prefix, True)]


def _field(key: str, value: Any, where: Path, prefix: tuple[str, ...], inside_or: bool) -> list[Branch]:
    if inside_or and key in _RESERVED:
        raise PatternError(where, f"{key} is no field name inside $or: write field = [{{ {key} = … }}]")
    path = (*prefix, *key.split("."))
    where = (*where, key)
    if len(path) > _MOST_LEVELS:
        raise PatternError(where[:3], f"nested too deeply: a field has at most {_MOST_LEVELS} names")
    if isinstance(value, Mapping):
        return _table(value, where, path, inside_or)
    if isinstance(value, list):
        return [(Term(path, _leaf(value, where)),)]
    raise PatternError(*_not_a_list(key, value, where))


def _leaf(source: list[Any], where: Path) -> Leaf:
    if not source:
        raise PatternError(where, "an empty list matches nothing: write the values to accept")
    return Leaf.of([parse_condition(entry, (*where, at)) for at, entry in enumerate(source)], source)


def _not_a_list(key: str, value: Any, where: Path) -> tuple[Path, str]:
    """Where and how to write a value that stands without its list."""
    if key in OPERATORS and len(where) > 1:
        outer = where[:-1]
        return outer, f"conditions stand in a list: write {dotted(outer)} = [{{ {key} = {toml(value)} }}]"
    return where, f"the values to accept stand in a list: write [{toml(value)}]"


def _refuse_repeats(branch: Branch) -> None:
    """One field twice: Event Ruler keeps one of the two without a word, or refuses it where told to."""
    seen: set[tuple[str, ...]] = set()
    for term in branch:
        if term.path in seen:
            raise PatternError(
                term.path, "named twice, of which Event Ruler would keep one: put all its values in one list"
            )
        seen.add(term.path)
