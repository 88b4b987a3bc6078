"""docs/handlers.md names every key there is, and no other."""

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from handlers import registry
from handlers.forward import ForwardSettings
from receiver.dispatcher.settings import LaneSettings

SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \|", re.MULTILINE)
AUTH = re.compile(r"^auth = .*$", re.MULTILINE)


@pytest.fixture
def sections(root: Path) -> dict[str, str]:
    return dict(SECTION.findall((root / "docs" / "handlers.md").read_text()))


def keys(section: str) -> set[str]:
    return {key for row in ROW.findall(section) for key in re.findall(r"\w+", row)}


def test_the_keys_of_every_handler(sections: dict[str, str]) -> None:
    assert keys(sections["Keys of every handler"]) == {field.name for field in dataclasses.fields(LaneSettings)}


@pytest.mark.parametrize("name", ["forward", "exec", "file", "spapi", "order", "report"])
def test_the_keys_of_a_type(sections: dict[str, str], name: str) -> None:
    assert keys(sections[name]) == set(registry.find(name).Settings.model_fields)


def test_every_built_in_type_has_a_section(sections: dict[str, str]) -> None:
    assert registry.BUILT_IN.keys() <= sections.keys()
    for key in registry.find("log").Settings.model_fields:
        assert f"`{key}`" in sections["log"]


def test_every_auth_line_is_valid(sections: dict[str, str]) -> None:
    lines = AUTH.findall(sections["forward"])
    assert len(lines) == 3
    for line in lines:
        ForwardSettings.model_validate({"url": "https://erp.example.com/"} | tomllib.loads(line))
