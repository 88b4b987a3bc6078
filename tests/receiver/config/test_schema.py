"""The JSON Schema that editors use. To write docs/rules.schema.json anew: spapi-router check --schema > it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from handlers import registry
from receiver.config.schema import rules_schema

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs/rules.schema.json"
LEAST = {"sns": {"topics": ["arn:aws:sns:us-east-1:123456789012:x"]}}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return rules_schema()


def faults(schema: dict[str, Any], data: Any) -> list[str]:
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(data)]


def test_the_published_schema_is_current(schema: dict[str, Any]) -> None:
    assert json.loads(PUBLISHED.read_text()) == schema


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_every_handler_type_has_a_branch(schema: dict[str, Any]) -> None:
    branches = schema["properties"]["handlers"]["additionalProperties"]["oneOf"]
    assert [branch["title"] for branch in branches] == [*registry.names(), "python:"]


@pytest.mark.parametrize("path", [ROOT / "rules.toml", *sorted((ROOT / "examples").glob("*/rules.toml"))], ids=str)
def test_rules_files_of_the_project_are_valid(schema: dict[str, Any], path: Path) -> None:
    assert faults(schema, tomllib.loads(path.read_text())) == []


def test_the_full_example_is_valid(schema: dict[str, Any]) -> None:
    assert faults(schema, tomllib.loads((Path(__file__).parent / "full.toml").read_text())) == []


def test_every_default_is_a_value_that_may_be_written(schema: dict[str, Any]) -> None:
    tables = {name: definition for name, definition in schema["$defs"].items() if "properties" in definition}
    for branch in schema["properties"]["handlers"]["additionalProperties"]["oneOf"]:
        tables[branch["title"]] = branch
    defaults = {
        (name, key): (keyword["default"], keyword)
        for name, table in tables.items()
        for key, keyword in table["properties"].items()
        if "default" in keyword
    }
    assert len(defaults) > 20
    for place, (default, keyword) in defaults.items():
        assert Draft202012Validator({**keyword, "$defs": schema["$defs"]}).is_valid(default), place


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"sns": {"topics": []}},
        {**LEAST, "servr": {}},
        {**LEAST, "server": {"lissten": "x"}},
        {**LEAST, "handlers": {"a": {"type": "nope"}}},
        {**LEAST, "handlers": {"a": {"type": "forward"}}},
        {**LEAST, "handlers": {"a": {"type": "forward", "url": "https://x/", "secert": 1}}},
        {**LEAST, "handlers": {"a": {"type": "forward", "url": "https://x/", "secret": "literal"}}},
        {**LEAST, "handlers": {"a": {"type": "forward", "url": "https://x/", "timeout": 30}}},
        {**LEAST, "handlers": {"a": {"type": "forward", "url": "https://x/", "retry": {"atempts": 3}}}},
        {**LEAST, "rules": [{"handlers": ["a"]}]},
        {**LEAST, "rules": [{"name": "a", "coalese": "1s"}]},
        {**LEAST, "rules": [{"name": "a", "match": {"type": "ORDER_CHANGE"}}]},
        {**LEAST, "rules": [{"name": "a", "match": {"payload": {"a": {"b": 7}}}}]},
        {**LEAST, "rules": [{"name": "a", "match": {"payload": {"a": []}}}]},
        {**LEAST, "rules": [{"name": "a", "match": {}}]},
        {"sns": {}},
        {**LEAST, "server": {"max_body": "1 megabyte"}},
    ],
)
def test_what_is_wrong_is_refused(schema: dict[str, Any], wrong: Any) -> None:
    assert faults(schema, wrong)


def test_breaker_may_be_false_and_classes_have_keys_of_their_own(schema: dict[str, Any]) -> None:
    own = {"type": "python:a.b:C", "anything": 1, "timeout": "3s"}
    erp = {"type": "forward", "url": "https://x/", "breaker": False}
    assert faults(schema, {**LEAST, "handlers": {"own": own, "erp": erp}}) == []
