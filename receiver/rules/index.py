"""An index over branches: from the values that an event has to the few rules that can match it.

A rule is found through a condition that its match needs. Branches are parted by `type` first, for almost every rule
names one. Within a type each branch stands under one field: of its fields with exact values the one whose values the
fewest branches share, else a field that must have some leaf, else it is a candidate for every event of the type.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from receiver.rules.terms import Branch, Term
from receiver.rules.values import MISSING, Identity, dotted_forms, identity, is_indirect, leaves

_TYPE = ("type",)
Places = tuple[int, ...]
"""Positions of rules in the table, ascending."""
Entry = tuple[int, Branch]
"""A rule's position and one of its branches."""
Finder = Callable[[dict[str, Any], list[Places]], None]
"""Adds groups of positions, any of which may hold a rule that matches the event."""


class Index:
    """Finds for an event all rules that match it, and as few others as can be told apart cheaply."""

    __slots__ = ("_by_type", "_untyped")

    def __init__(self, entries: Iterable[Entry], always: Iterable[int] = ()) -> None:
        """Index branches by their rules' positions; `always` are the positions of rules that match everything."""
        untyped: list[Entry] = []
        by_type: dict[Identity, list[Entry]] = defaultdict(list)
        for place, branch in entries:
            type_ = next((term for term in branch if term.path == _TYPE and term.leaf.exact), None)
            for group in [by_type[value] for value in type_.leaf.values] if type_ else [untyped]:
                group.append((place, branch))
        self._untyped = _finders(untyped, always)
        self._by_type = {value: _finders(group) for value, group in by_type.items()}

    def candidates(self, event: dict[str, Any]) -> Sequence[int]:
        """Positions of the rules that may match, ascending, each once."""
        found: list[Places] = []
        for find in self._untyped:
            find(event, found)
        type_ = event.get("type")
        for value in (type_,) if type(type_) is str else map(identity, leaves(type_, ())):
            for find in self._by_type.get(value, ()):
                find(event, found)
        if len(found) > 1:
            return sorted({place for places in found for place in places})
        return found[0] if found else ()


def _finders(entries: Sequence[Entry], always: Iterable[int] = ()) -> tuple[Finder, ...]:
    """What finds the branches of one type: one finder a field, and one for those that no field tells of.

    One branch alone is always a candidate: to find it would cost as much as to match it.
    """
    if len(entries) == 1:
        return (_always(tuple(sorted({*always, entries[0][0]}))),)
    shared = Counter(key for _, branch in entries for term in branch if _selects(term) for key in _keys(term))
    paths = Counter(term.path for _, branch in entries for term in branch)
    by_value: dict[tuple[str, ...], dict[Identity, set[int]]] = defaultdict(lambda: defaultdict(set))
    by_presence: dict[tuple[str, ...], set[int]] = defaultdict(set)
    unfound = set(always)
    for place, branch in entries:
        if exact := [term for term in branch if _selects(term)]:
            best = min(exact, key=lambda term: (max(shared[key] for key in _keys(term)), -paths[term.path]))
            for value in best.leaf.values:
                by_value[best.path][value].add(place)
        elif needed := [term.path for term in branch if term.path != _TYPE and not term.leaf.absent]:
            by_presence[max(needed, key=lambda path: (paths[path], path))].add(place)
        else:
            unfound.add(place)
    fields = (
        _Field(path, by_value.get(path, {}), by_presence.get(path, set())) for path in {**by_value, **by_presence}
    )
    finders: list[Finder] = [field.find for field in fields]
    return (*finders, _always(tuple(sorted(unfound)))) if unfound else tuple(finders)


def _always(places: Places) -> Finder:
    return lambda _, found: found.append(places)


class _Field:
    """The branches found by one field: by its value, or by its having one."""

    __slots__ = ("_by_value", "_forms", "_path", "_present")

    def __init__(self, path: tuple[str, ...], by_value: dict[Identity, set[int]], present: set[int]) -> None:
        self._path = path
        self._forms = dotted_forms(path)
        self._by_value = {value: tuple(sorted(places)) for value, places in by_value.items()}
        self._present = tuple(sorted(present))

    def find(self, event: dict[str, Any], found: list[Places]) -> None:
        """Add groups of positions for what the event has in the field."""
        value: Any = event
        try:
            for key in self._path:
                value = value[key]
        except (KeyError, TypeError):
            value = MISSING
        plain = type(value) is str and not self._forms
        for one in (value,) if plain else self._values(event, value):
            if places := self._by_value.get(one):
                found.append(places)
            if self._present:
                found.append(self._present)

    def _values(self, event: dict[str, Any], value: Any) -> Iterable[Identity]:
        """All values of the field, `value` being the one that plain objects lead to."""
        if is_indirect(event, self._path, self._forms):
            return set(map(identity, leaves(event, self._path)))
        return () if value is MISSING or type(value) is dict else (identity(value),)


def _selects(term: Term) -> bool:
    """Whether branches can be told apart by the field's value."""
    return term.leaf.exact and term.path != _TYPE


def _keys(term: Term) -> Iterable[tuple[tuple[str, ...], Identity]]:
    return ((term.path, value) for value in term.leaf.values)
