"""Every example is whole: checked, described, linked, and its secrets named where one looks for them."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/rules.toml"))
WANTED = {
    "analytics",
    "custom-handler",
    "fulfilment",
    "order-to-erp",
    "report-download",
    "repricer-feed",
    "slack-alerts",
    "stock-sync",
    "tour",
}
WITHOUT_RULES = {"tour"}


def test_each_use_case_has_its_folder() -> None:
    assert {folder.name for folder in FOLDERS} == WANTED


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.toml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_check_passes_without_a_warning(path: Path) -> None:
    strict = [] if path.parent.name in WITHOUT_RULES else ["--strict"]
    done = subprocess.run(
        [sys.executable, "-c", "from receiver.cli import main; main()", "check", *strict, str(path)],
        env=os.environ | {"PYTHONPATH": str(path.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_readme_is_short_and_names_every_secret(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 14
    assert not [
        name for name in names_of(tomllib.loads((folder / "rules.toml").read_text())) if f"`{name}`" not in text
    ]


def names_of(value: Any) -> Iterator[str]:
    """The variables that a rules file takes secrets from."""
    if isinstance(value, dict):
        if set(value) == {"env"}:
            yield value["env"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from names_of(item)


def test_the_documentation_links_each_example() -> None:
    linked = set(re.findall(r"\]\(\.\./examples/([\w-]+)\)", (EXAMPLES.parent / "docs/handlers.md").read_text()))
    assert linked >= WANTED
