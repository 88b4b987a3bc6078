"""Patterns and events from an alphabet so small that they meet."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["x", "y", "xy", "X", "1", ""])
NUMBERS = st.sampled_from([0, 1, 1.0, 2, 2.5])
SCALARS = st.one_of(TEXTS, NUMBERS, st.sampled_from([True, False, None]))
ORDERED = st.one_of(
    st.tuples(st.sampled_from([">", ">="]), NUMBERS),
    st.tuples(st.sampled_from(["<", "<=", "="]), NUMBERS),
    st.tuples(st.sampled_from([">", ">="]), st.just(0), st.sampled_from(["<", "<="]), st.just(2)),
).map(list)
OPERATORS = st.one_of(
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"prefix": TEXTS}),
    st.fixed_dictionaries({"suffix": TEXTS}),
    st.fixed_dictionaries({"equals-ignore-case": TEXTS}),
    st.fixed_dictionaries({"wildcard": st.sampled_from(["*", "x*", "*y", "x"])}),
    st.fixed_dictionaries({"numeric": ORDERED}),
    st.fixed_dictionaries({"anything-but": st.one_of(TEXTS, NUMBERS, st.lists(TEXTS, min_size=1, max_size=2))}),
)
LEAVES = st.lists(st.one_of(SCALARS, OPERATORS, OPERATORS), min_size=1, max_size=4)


def _tables(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(NAMES, inner, min_size=1, max_size=2)
    alternatives = st.lists(fields, min_size=2, max_size=3)
    either = st.builds(lambda options, others: {**others, "$or": options}, alternatives, st.just({}) | fields)
    dotted = st.dictionaries(st.sampled_from(["a.b", "b.c"]), LEAVES, min_size=1, max_size=1)
    return st.one_of(fields, fields, fields, fields, either, dotted)


PATTERNS = _tables(st.recursive(LEAVES, _tables, max_leaves=3))
"""Sources of patterns; a few name a field twice, which is refused."""


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(NAMES, inner, max_size=3)
    return st.one_of(objects, objects, st.lists(inner, max_size=3), st.dictionaries(st.just("b.c"), inner))


EVENTS = st.dictionaries(NAMES, st.recursive(SCALARS, _containers, max_leaves=8), min_size=2, max_size=3)
"""Events, with lists at any depth and now and then a name with dots."""
