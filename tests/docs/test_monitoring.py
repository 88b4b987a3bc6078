"""The page on monitoring, the alert rules and the dashboard name what the daemon really exposes."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from receiver.alerts import Conditions
from receiver.config import AlertSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/monitoring.md").read_text("utf-8")
ALERTS = ROOT / "docs/monitoring/alerts.yml"
DASHBOARD = ROOT / "docs/monitoring/grafana.json"
ROW = re.compile(r"^\| `((?:spapi_router|process)_\w+)` \| (counter|gauge|histogram) \|([^|]*)\|", re.MULTILINE)
DOCUMENTED = {
    match[1]: (match[2], set(re.findall(r"`(\w+)`", match[3])))
    for page in sorted((ROOT / "docs").glob("*.md"))
    for match in ROW.finditer(page.read_text("utf-8"))
}
OF_THE_SERVER = {"instance", "job", "le"}
WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}
NOT_A_METRIC = re.compile(
    r'"(?:[^"\\]|\\.)*"'  # texts
    r"|\[[^\]]*\]"  # ranges
    r"|\b(?:by|without|on|ignoring)\s*\([^)]*\)"  # labels
    r"|\{[^}]*\}"  # matchers
    r"|\b\w+(?=\s*(?:\(|\bby\b|\bwithout\b))"  # functions
    r"|\b\d[\w.]*"  # numbers and durations
)


def names_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression asks for."""
    left = NOT_A_METRIC.sub(" ", expression)
    return set(re.findall(r"[A-Za-z_:][\w:]*", left)) - WORDS


def labels_in(expression: str) -> set[str]:
    """The labels that it matches or groups by."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"\"", text)
    grouped = [name for names in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", text) for name in re.findall(r"\w+", names)]
    return {*matched, *grouped}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    for panel in panels():
        yield from ((f"panel {panel['title']}", target["expr"]) for target in panel["targets"])
    board = json.loads(DASHBOARD.read_text("utf-8"))
    yield from ((f"annotation {each['name']}", each["expr"]) for each in board["annotations"]["list"])


EXPRESSIONS = list(expressions())


def series(families: dict[str, str]) -> dict[str, str]:
    """Each series that can be asked for, with the metric it belongs to."""
    found = {name: name for name in families}
    for name, kind in families.items():
        if kind == "histogram":
            found |= {f"{name}_{part}": name for part in ("bucket", "sum", "count")}
    return found


@pytest.fixture
async def exposed(start_router: Any, write_rules: Any) -> dict[str, str]:
    """The metrics of a router and their types, named as they are asked for."""
    router = await start_router(write_rules('[handlers.log]\ntype = "log"\n'))
    async with aiohttp.ClientSession() as client, client.get(f"{router.admin}/metrics") as answer:
        text = await answer.text()
    families = text_string_to_metric_families(text)
    return {each.name + ("_total" if each.type == "counter" else ""): each.type for each in families}


def test_promql_is_read_as_it_is_meant() -> None:
    expression = (
        'sum by (instance, le) (rate(a_bucket{state=~"x|y", of!="z"}[5m])) / b > 6 * 3600 '
        'and max(c{q="by (r) {s}"}) by (job) offset 5m'
    )
    assert names_in(expression) == {"a_bucket", "b", "c"}
    assert labels_in(expression) == {"instance", "le", "state", "of", "q", "job"}


async def test_the_page_lists_every_metric_and_no_other(exposed: dict[str, str]) -> None:
    assert {name: kind for name, (kind, _) in DOCUMENTED.items()} == exposed


async def test_labels_are_the_documented_ones(start_router: Any, write_rules: Any) -> None:
    router = await start_router(write_rules('[handlers.log]\ntype = "log"\n'))
    async with aiohttp.ClientSession() as client, client.get(f"{router.admin}/metrics") as answer:
        text = await answer.text()
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} <= DOCUMENTED[name][1], sample


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_metric_that_is_asked_for_exists(where: str, expression: str) -> None:
    known = series({name: kind for name, (kind, _) in DOCUMENTED.items()})
    asked = names_in(expression) - {"up"}
    assert asked <= known.keys(), where
    labels = set().union(*(DOCUMENTED[known[name]][1] for name in asked)) if asked else set()
    assert labels_in(expression) <= labels | OF_THE_SERVER, where


def test_each_rule_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 15
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]


def test_the_dashboard_has_no_two_panels_in_one_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells
    assert all(panel["description"] for panel in panels())


def test_the_page_lists_every_alert_and_key() -> None:
    table = set(re.findall(r"^\| `router\.alert\.(\w+)` ", PAGE, re.MULTILINE))
    assert table == set(Conditions(AlertSettings(), 0.0).names)
    assert all(re.search(rf"\b{key} = ", PAGE) for key in AlertSettings.model_fields)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "words", [("check", "rules", str(ALERTS)), ("test", "rules", str(Path(__file__).with_name("alerts.test.yml")))]
)
def test_prometheus_takes_the_rules_and_they_fire_when_they_should(words: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
