"""Every recipe of the cookbook does with Amazon's examples what its table says."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.cli import cli
from receiver.config import load
from receiver.internal import internal_body

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "receiver" / "simulators" / "data" / "notifications"
RECIPE = re.compile(r"^## (.+?)\n.*?^```toml recipe\n(.*?)^```\n\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"^`([A-Za-z_.\d-]+)`(?: with `(\w+)` = `([^`]+)`)?$")
REST = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-all"


@dataclass(frozen=True)
class Case:
    """A row under a recipe."""

    recipe: str
    rules: str
    notification: str
    handlers: list[str]


def cases() -> Iterator[Case]:
    for title, rules, rest in RECIPE.findall((ROOT / "docs" / "cookbook.md").read_text("utf-8")):
        for row in re.findall(r"^\| (`.+) \| (.+) \|$", rest, re.MULTILINE):
            yield Case(title, rules, row[0], re.findall(r"`([^`]+)`", row[1]))


CASES = list(cases())


def put(document: Any, name: str, value: Any) -> int:
    """Change the field of a name wherever it stands; how often."""
    if isinstance(document, list):
        return sum(put(each, name, value) for each in document)
    if not isinstance(document, dict):
        return 0
    if name in document:
        document[name] = value
        return 1
    return sum(put(each, name, value) for each in document.values())


def message_of(case: Case) -> str:
    """The example that a row names, changed as it says."""
    found = CELL.match(case.notification)
    assert found is not None, case.notification
    name, field, value = found.groups()
    if name.startswith("router."):
        return internal_body(name, {"handler": "erp", "reason": "HTTP 410"}, 1_772_827_227.0).decode()
    document = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    if field:
        assert put(document, field, json.loads(value)), f"{name} has no field {field}"
    return json.dumps(document)


def test_there_are_recipes_for_most_wishes() -> None:
    recipes = {case.recipe for case in CASES}
    assert len(recipes) >= 20
    assert len(recipes) == (ROOT / "docs" / "cookbook.md").read_text("utf-8").count("```toml recipe")
    assert sum(not case.handlers for case in CASES) >= 10, "recipes say what they leave alone, too"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.recipe}: {case.notification}")
def test_a_recipe_does_what_it_says(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(case.rules + REST)
    assert load(path).warnings == ()
    arguments = ["explain", "--json", "--config", str(path), "--topic", TOPIC, "-"]
    result = CliRunner().invoke(cli, arguments, input=message_of(case))
    assert result.exit_code == 0, result.output
    deliveries = json.loads(result.stdout)["deliveries"]
    assert [delivery["handler"] for delivery in deliveries] == case.handlers
    assert [delivery["error"] for delivery in deliveries if delivery["error"]] == []
