"""The JSON Schema that editors use. To write docs/rules.schema.json anew: spapi-router check --schema > it."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from handlers import registry
from receiver.config import load
from receiver.config.schema import rules_schema
from receiver.errors import ConfigError
from receiver.rules import Pattern

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


WRONG: dict[str, list[Any]] = {
    "server.listen": ["", "127.0.0.1", ":80", "unix:x", "http://127.0.0.1:80/", "::1"],
    "server.admin": ["", "9090", "unix:x", True],
    "server.path": ["/a b", "/a?b", "sns"],
    "server.max_body": [0, 1023, (64 << 20) + 1],
    "server.stop_grace": ["s", "1"],
    "server.trusted_proxies": [["proxy"], [""], ["10"]],
    "sns.topics": [["arn:x"], ["arn:aws:sqs:us-east-1:123456789012:x"], ["arn:aws:sns:us-east-1:*:x"]],
    "inbox.database": ["sqlite:", "sqlite://x", "sqlite:///", "inbox.db"],
    "inbox.retention": ["0d", "0.0ms"],
    "telemetry.endpoint": ["http://", "https:///x", "https://x/?a=b", "https://x/#a"],
    "spapi.redirect_uri": ["https://x/a b", "https://x/{type}"],
    "spapi.client_secret_expires": ["", "0", "31.1.2027", "soon"],
    "console.hosts": [[""], ["a b"], ["https://router.example.com"], ["a..b"]],
    "privacy.drop": [[""], ["OrderChangeNotification"], ["payloads.a"]],
    "handlers.erp.rate": ["0/s", "0.0/m"],
    "handlers.erp.permanent": [[200], [399], [600]],
    "handlers.erp.expect": [{"a": 1}, {"a": []}, {"a": {}}, {"a": [[]]}],
    "handlers.erp.auth": [{"type": "basic", "username": "a:b", "password": {"env": "P"}}],
    "handlers.archive.rotate": [0],
    "handlers.own.type": ["python:", "python:a", "python:a:"],
    "handlers.report.request": ["x", {}, {"marketplaceIds": ["DE"]}],
    "handlers.report.name": ["a/b"],
    "rules.0.name": [" ", " a", "a "],
    "rules.0.key": ["", "order"],
    "rules.0.match.$or": ["X", [], [{"a": [1]}], [1, 2], [{}, {"a": [1]}]],
    "rules.0.match.type": ["X", [], [["X"]], [{}], [{"begins": "x"}]],
}
"""What the loader refuses, by key: what JSON Schema can say of it simply, an editor tells too."""


BASE = """
sns.topics = ["arn:aws:sns:us-east-1:123456789012:x"]
telemetry.endpoint = "HTTPS://[::1]:4318"
[spapi]
client_id = { env = "A" }
client_secret = { env = "B" }
client_secret_expires = "2027-01-31"
[handlers]
own = { type = "python:pathlib:Path" }
archive = { type = "file", path = "a.jsonl", rotate = 1 }
report = { type = "report", directory = "reports", request = { reportType = "GET_X" } }
[handlers.erp]
type = "forward"
url = "https://x/"
rate = "0.5 / m"
permanent = [400, 599]
expect = { status = ["ACCEPTED"], order = { id = [1, 2.5, true] } }
[[rules]]
name = "a"
match.type = ["X", { prefix = "Y" }, 1, true, { anything-but = ["Z"] }, { exists = false }, { numeric = [">", 1] }]
match."$or" = [{ payload.a = [1] }, { payload.b.c = [2], "$or" = [{ payload.d = [3] }, { payload.e = [4] }] }]
match.payload."$or" = [{ f = [1] }, { g = [2] }]
handlers = ["erp"]
key = "{type}"
"""


def toml(value: Any) -> str:
    """A value of JSON as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(each)}" for name, each in value.items()) + "}"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def changed(key: str, value: Any) -> dict[str, Any]:
    data = table = tomllib.loads(BASE)
    *above, last = key.split(".")
    for name in above:
        table = table[int(name)] if isinstance(table, list) else table.setdefault(name, {})
    table[last] = value
    return data


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_the_schema_refuses_what_the_loader_refuses(
    schema: dict[str, Any], tmp_path: Path, key: str, value: Any
) -> None:
    assert faults(schema, tomllib.loads(BASE)) == []
    assert Pattern.parse(tomllib.loads(BASE)["rules"][0]["match"])
    wrong = changed(key, value)
    assert faults(schema, wrong)
    rules = tmp_path / "rules.toml"
    rules.write_text("".join(f"{name} = {toml(each)}\n" for name, each in wrong.items()))
    with pytest.raises(ConfigError, match=re.escape(key.rsplit(".", maxsplit=1)[-1])):
        load(rules)


def test_breaker_may_be_false_and_classes_have_keys_of_their_own(schema: dict[str, Any]) -> None:
    own = {"type": "python:a.b:C", "anything": 1, "timeout": "3s"}
    erp = {"type": "forward", "url": "https://x/", "breaker": False}
    assert faults(schema, {**LEAST, "handlers": {"own": own, "erp": erp}}) == []
