"""Patterns against Amazon's own cases, and against ours for what those lack."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from receiver.rules import Pattern, PatternError

HERE = Path(__file__).parent
SHARED = HERE.parents[3] / "shared/data/patterns/cases.jsonl"


def cases(path: Path) -> Iterator[Any]:
    for line in path.read_text("utf-8").splitlines():
        case = json.loads(line)
        yield pytest.param(case, id=case["name"])


@pytest.mark.parametrize("case", [*cases(SHARED), *cases(HERE / "cases.jsonl")])
def test_case(case: dict[str, Any]) -> None:
    if case.get("valid", True):
        assert Pattern.parse(case["pattern"]).matches(case["event"]) is case["match"]
    else:
        with pytest.raises(PatternError):
            Pattern.parse(case["pattern"])


def test_cases_of_both_outcomes_are_there() -> None:
    found = [param.values[0] for path in (SHARED, HERE / "cases.jsonl") for param in cases(path)]
    assert len(found) >= 290
    for wanted in ({"match": True}, {"match": False}, {"valid": False}):
        assert sum(wanted.items() <= case.items() for case in found) >= 50


ERRORS = [
    ({"type": "ORDER_CHANGE"}, ("type",), 'type: the values to accept stand in a list: write ["ORDER_CHANGE"]'),
    ({"a": 5}, ("a",), "a: the values to accept stand in a list: write [5]"),
    (
        {"payload": {"sku": {"prefix": "AB"}}},
        ("payload", "sku"),
        'payload.sku: conditions stand in a list: write payload.sku = [{ prefix = "AB" }]',
    ),
    ({"prefix": "AB"}, ("prefix",), 'prefix: the values to accept stand in a list: write ["AB"]'),
    ({"a": [{"EXISTS": True}]}, ("a", 0), 'a[0]: there is no operator "EXISTS": did you mean exists?'),
    (
        {"a": ["x", {"equal-ignore-case": "y"}]},
        ("a", 1),
        'a[1]: there is no operator "equal-ignore-case": did you mean equals-ignore-case?',
    ),
    ({"a": [{"anything_but": "y"}]}, ("a", 0), 'a[0]: there is no operator "anything_but": did you mean anything-but?'),
    ({"a": [{"contains": "y"}]}, ("a", 0), 'a[0]: there is no operator "contains": write { wildcard = "*text*" }'),
    ({"a": [{">": 5}]}, ("a", 0), 'a[0]: there is no operator ">": write { numeric = [">", 0] }'),
    ({"a": [{"prefix": 123}]}, ("a", 0, "prefix"), 'a[0].prefix: 123 is no text: write "123"'),
    (
        {"a": [{"suffix": ["x", "y"]}]},
        ("a", 0, "suffix"),
        'a[0].suffix: takes one text, not a list: write an entry for each, [{ suffix = "…" }, …]',
    ),
    (
        {"a b": {"c.d": [{"exists": "yes"}]}},
        ("a b", "c.d", 0, "exists"),
        '"a b"."c.d"[0].exists: "yes" is neither true nor false, which are written without quotes',
    ),
    (
        {"p": {"$or": [{"a": [1]}, {"b": [{"numeric": [">", "2"]}]}]}},
        ("p", "$or", 1, "b", 0, "numeric", 1),
        'p.$or[1].b[0].numeric[1]: "2" is no number: write it without quotes',
    ),
    (
        {"a": [{"anything-but": ["x", 1]}]},
        ("a", 0, "anything-but"),
        "a[0].anything-but: texts and numbers together: a list excludes either only texts or only numbers",
    ),
    (
        {"a": [datetime(2026, 1, 1, tzinfo=UTC)]},
        ("a", 0),
        'a[0]: times are texts in events: put quotes around it, "2026-01-01T00:00:00+00:00"',
    ),
    ({"a": [date(2026, 1, 1)]}, ("a", 0), 'a[0]: times are texts in events: put quotes around it, "2026-01-01"'),
    ({"a": [time(12, 30)]}, ("a", 0), 'a[0]: times are texts in events: put quotes around it, "12:30:00"'),
    ({"a": [float("inf")]}, ("a", 0), "a[0]: inf is no JSON number"),
    ({"a": [{"numeric": ["<", float("nan")]}]}, ("a", 0, "numeric", 1), None),
    ({"a": [b"x"]}, ("a", 0), None),
    ({}, (), "an empty table matches nothing: write a field, or leave it out"),
]


@pytest.mark.parametrize(("source", "path", "text"), ERRORS, ids=[str(path) for _, path, _ in ERRORS])
def test_errors_name_the_path_and_the_cure(source: dict[str, Any], path: tuple[str | int, ...], text: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern.parse(source)
    assert caught.value.path == path
    assert text is None or str(caught.value) == text
    assert str(caught.value).endswith(caught.value.problem)


def test_nothing_but_a_table_is_a_pattern() -> None:
    with pytest.raises(PatternError, match="a pattern is a table of fields"):
        Pattern.parse(["x"])  # type: ignore[arg-type]


def test_deep_patterns_are_refused_and_not_recursed_into() -> None:
    source: dict[str, Any] = {"a": [1]}
    for _ in range(5000):
        source = {"a": source}
    with pytest.raises(PatternError, match="nested too deeply"):
        Pattern.parse(source)


def test_long_names_with_dots_are_refused() -> None:
    with pytest.raises(PatternError, match="at most 50 names"):
        Pattern.parse({"a." * 5000: ["x"]})


def test_deep_operands_are_refused() -> None:
    value: Any = "x"
    for _ in range(5000):
        value = {"a": value}
    with pytest.raises(PatternError, match=r"a\[0\].exists: what is nested"):
        Pattern.parse({"a": [{"exists": value}]})
    with pytest.raises(PatternError, match="nested too deeply"):
        Pattern.parse({"$or": [value, value]})


def test_deep_events_match_without_recursion() -> None:
    value: Any = "x"
    for _ in range(50_000):
        value = [value]
    pattern = Pattern.parse({"a": ["x"]})
    assert pattern.matches({"a": value})
    assert not pattern.matches({"b": value})


def test_long_texts_take_linear_time_in_a_wildcard() -> None:
    pattern = Pattern.parse({"a": [{"wildcard": "*aab*aac*aad"}]})
    assert not pattern.matches({"a": "a" * 1_000_000})


def test_fields_are_the_paths_a_pattern_reads() -> None:
    pattern = Pattern.parse({"type": ["X"], "$or": [{"payload": {"a.b": [1]}}, {"type2": [2], "payload": {"c": [1]}}]})
    assert pattern.fields() == (("type",), ("payload", "a", "b"), ("type2",), ("payload", "c"))


def test_any_mapping_is_an_event() -> None:
    assert Pattern.parse({"a": [1]}).matches(MappingProxyType({"a": 1}))


def test_json_brings_null() -> None:
    pattern = Pattern.parse_json('{"a": [null]}')
    assert pattern.matches({"a": None})
    assert not pattern.matches({})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": [1]', "not JSON: .* at line 1, column 10"),
        ('{"a": [1], "a": [2]}', "a: named twice in one object"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "a pattern is a table"),
        ('{"a": [NaN]}', r"a\[0\]: nan is no JSON number"),
    ],
)
def test_json_that_is_no_pattern_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PatternError, match=problem):
        Pattern.parse_json(text)
