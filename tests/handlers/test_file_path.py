"""Paths with templates: nothing that a notification holds leads out of the directory."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.base import TemplateError
from handlers.file_path import FilePath


@given(st.text(), st.text())
def test_no_value_leaves_the_directory(first: str, second: str) -> None:
    path = FilePath.parse("/data/{a}/.{b}/{a}{b}.jsonl", Path("/ignored")).path({"a": first, "b": second})
    assert path.parts[:2] == ("/", "data")
    assert len(path.parts) == 5
    assert not {".", ".."} & set(path.parts)
    assert all(len(part.encode()) < 250 and "\0" not in part for part in path.parts)
    assert not path.parts[2].startswith(".")
    assert not path.parts[4].startswith(".")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("A1B2", "A1B2.jsonl"),
        ("../../etc/passwd", "_._.._etc_passwd.jsonl"),
        (".hidden", "_hidden.jsonl"),
        ("a b\n", "a_b_.jsonl"),
        (12, "12.jsonl"),
        ("", "_jsonl"),
    ],
)
def test_values_become_one_name(value: Any, name: str) -> None:
    assert FilePath.parse("/data/{a}.jsonl", Path()).path({"a": value}) == Path("/data") / name


def test_relative_paths_are_seen_from_the_root() -> None:
    assert FilePath.parse("out/all.jsonl", Path("/etc/x")).path({}) == Path("/etc/x/out/all.jsonl")
    assert FilePath.parse("out/all.jsonl", Path("/etc/x")).is_fixed


@pytest.mark.parametrize("source", ["", "/", "out/", "{a", "{a|default=x/y}"])
def test_paths_without_a_name_or_with_broken_templates_are_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        FilePath.parse(source, Path())


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(TemplateError, match="seller_id"):
        FilePath.parse("/{seller_id}", Path()).path({})
