"""Array consistency: the fields of a branch must match within the same elements of the lists they share.

Source: README of Amazon's Event Ruler, "JSON Array Matching". Fields are taken in the order of their names, and each
that matches settles the element of every list around its leaf. A field is absent where the elements settled so far
hold no leaf of it; so `exists = false` on the first field of a list asks all its elements. Time is linear in the
event for each field of the branch.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from receiver.rules.terms import Term
from receiver.rules.values import MISSING, items, leaves, nested


def holds(terms: Sequence[Term], value: Any, depth: int = 0, settled: bool = False) -> bool:
    """Whether terms, in the order of their names and with `depth` names of their paths in common, all match.

    `value` is what the event has at those names. `settled` says that it was chosen for the first term, which
    therefore has to match a leaf in it.
    """
    if isinstance(value, list):
        return _list_holds(terms, value, depth, settled)
    if isinstance(value, dict):
        return _object_holds(terms, value, depth, settled)
    first, *others = terms
    if len(first.path) > depth:
        return not settled and all(term.leaf.absent for term in terms)
    return first.leaf.accepts(value) and not (settled and value is MISSING) and all(term.leaf.absent for term in others)


def _object_holds(terms: Sequence[Term], fields: dict[str, Any], depth: int, settled: bool) -> bool:
    if len(terms[0].path) == depth:
        if settled or not terms[0].leaf.absent:
            return False
        terms = terms[1:]
    fields = nested(fields)
    for key, group in groupby(terms, key=lambda term: term.path[depth]):
        if not holds(tuple(group), fields.get(key, MISSING), depth + 1, settled):
            return False
        settled = False
    return True


def _list_holds(terms: Sequence[Term], values: Sequence[Any], depth: int, settled: bool) -> bool:
    scalars, objects = items(values)
    if len(terms[0].path) == depth:
        if any(map(terms[0].leaf.accepts, scalars)):
            return len(terms) == 1 or holds(terms[1:], values, depth)
        if scalars or settled or not terms[0].leaf.absent:
            return False
        terms = terms[1:]
    if not settled:
        terms = _without_absent(terms, objects, depth)
    return not terms or any(holds(terms, fields, depth, True) for fields in objects)


def _without_absent(terms: Sequence[Term], objects: list[dict[str, Any]], depth: int) -> Sequence[Term]:
    """The terms after those that lead and hold because no element has their field."""
    for place, term in enumerate(terms):
        if not term.leaf.absent or next(leaves(objects, term.path[depth:]), MISSING) is not MISSING:
            return terms[place:]
    return ()
