"""Manual pages: made from the commands, whole, and clean roff."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from receiver.cli import cli


@pytest.fixture(scope="module")
def man_page(root: Path) -> ModuleType:
    name = "man_page"
    spec = importlib.util.spec_from_file_location(name, root / "packaging" / "man_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(man_page: ModuleType) -> dict[str, str]:
    made: dict[str, str] = man_page.pages()
    return made


def plain(page: str) -> str:
    return page.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")


def test_each_command_has_a_page(pages: dict[str, str]) -> None:
    context = click.Context(cli)
    assert set(pages) == {"spapi-router.1", *(f"spapi-router-{name}.1" for name in cli.list_commands(context))}


def test_each_option_and_command_below_is_told(pages: dict[str, str]) -> None:
    context = click.Context(cli)

    def check(command: click.Command, text: str) -> None:
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert all(option in text for option in parameter.opts), (command.name, parameter.name)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                assert f" {name}\n" in text, name
                check(below, text)

    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        check(command, plain(pages[f"spapi-router-{name}.1"]))


def test_the_sections_are_those_of_a_manual_page(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        sections = [line.removeprefix(".SH ") for line in text.splitlines() if line.startswith(".SH ")]
        assert sections[:4] == ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"], name
        assert sections[-3:] == ["EXIT STATUS", "FILES", "SEE ALSO"] or "SIGNALS" in sections, name
        assert text.startswith(f'.TH "{name.removesuffix(".1").upper()}"'.replace("-", "\\-"))


def test_what_would_be_a_request_of_roff_is_text(man_page: ModuleType) -> None:
    assert man_page.escaped(".SH x") == "\\&.SH x"
    assert man_page.escaped("'x") == "\\&'x"
    assert man_page.escaped("a\\b --c") == "a\\eb \\-\\-c"


def test_a_paragraph_that_is_not_filled_keeps_its_lines(pages: dict[str, str]) -> None:
    lines = pages["spapi-router-completion.1"].splitlines()
    start = lines.index(".nf")
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == ["bash", "zsh", "fish"]
    assert lines[start + 4] == ".fi"


def test_groff_has_nothing_against_them(pages: dict[str, str]) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("there is no groff here")
    for name, text in pages.items():
        done = subprocess.run(
            [groff, "-man", "-Tutf8", "-ww", "-z"], input=text, capture_output=True, text=True, check=True
        )
        assert done.stderr == "", name
