"""Every command and snippet of the documentation works as it stands.

`sh` blocks are run in a copy of the checkout's files with an inbox in place. `sh daemon`, `sh aws` and `sh root` need
what a test has not: of those, each spapi-router command line is read by the command line's own parser. `toml` blocks
are completed to a whole rules file and checked.
"""

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from receiver.cli import cli
from receiver.config import load
from receiver.inbox import SqliteInbox

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*/*.md"))]
FENCE = re.compile(r"^( *)```(\w+)([^\n`]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NOT_RUN = {"make run", "make test", "make bench", "make test-all"}
OF_THE_MACHINE = re.compile(r"(python3 -m venv|/opt/)")
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)]+)?\)")
REST = {
    "[sns]": '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]\n',
    "[inbox]": '[inbox]\ndatabase = "sqlite:inbox.db"\n',
    "[spapi]": '[spapi]\nclient_id = { env = "LWA_ID" }\nclient_secret = { env = "LWA_SECRET" }\n',
}


def blocks(language: str) -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for number, match in enumerate(FENCE.finditer(page.read_text("utf-8")), 1):
            if match[2] == language:
                text = "\n".join(line.removeprefix(match[1]) for line in match[4].splitlines())
                yield f"{page.parent.name}-{page.stem}-{number}", match[3].strip(), text


def commands(text: str) -> list[str]:
    """The command lines of a block, comments and continuations resolved."""
    joined = text.replace("\\\n", " ")
    lines = [" ".join(shlex.split(line, comments=True, posix=False)) for line in joined.splitlines()]
    return [line for line in lines if line]


SHELL = list(blocks("sh"))
TOML = list(blocks("toml"))


def test_there_is_documentation_to_test() -> None:
    assert len(SHELL) >= 6
    assert len(TOML) >= 6


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documentation's commands read."""
    folder = tmp_path_factory.mktemp("work") / "main"
    shutil.copytree(ROOT / "receiver/simulators/data", folder / "receiver/simulators/data")
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder.parent / "shared").symlink_to(ROOT.parent / "shared")
    text = (ROOT / "rules.toml").read_text()
    (folder / "rules.toml").write_text(text.replace("sqlite:///var/lib/spapi-router/inbox.db", "sqlite:inbox.db"))
    (folder / "new.toml").write_text((folder / "rules.toml").read_text())

    async def make() -> None:
        inbox = await SqliteInbox.open(folder / "inbox.db")
        await inbox.close()

    asyncio.run(make())
    return folder


@pytest.mark.parametrize(("name", "needs", "text"), SHELL, ids=[block[0] for block in SHELL])
def test_shell_blocks(checkout: Path, name: str, needs: str, text: str) -> None:
    for line in commands(text):
        if needs or line in NOT_RUN or OF_THE_MACHINE.search(line):
            understood(line, name)
            continue
        binaries = Path(sys.executable).parent
        done = subprocess.run(
            ["bash", "-ec", line],
            check=False,
            cwd=checkout,
            env={"PATH": f"{binaries}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{name}: {line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in LINK.findall(page.read_text("utf-8")):
        if file.startswith(("http:", "https:")):
            continue
        target = (page.parent / file) if file else page
        assert target.exists(), f"{page.name}: {file}"
        if anchor:
            assert anchor.removeprefix("#") in anchors(target), f"{page.name}: {file}{anchor}"


def anchors(page: Path) -> set[str]:
    """What links can name in a page: its headings, as they are written in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def understood(line: str, name: str) -> None:
    """Fail where a spapi-router command line would be wrong usage, or a make target does not exist."""
    words = shlex.split(line)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{name}: {line}"
    if words[0].endswith("spapi-router") and len(words) > 1:
        parsed(cli, words[1:], f"{name}: {line}")


def parsed(command: click.Command, words: list[str], where: str) -> None:
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, where
        command, words = found, words[1:]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in {*known, "--help"}, f"{where}: {word}"


def whole(text: str, needs: str) -> list[str]:
    """The rules files that a block stands for: `forward` blocks show alternatives for one key, a line each."""
    if needs == "forward":
        head = '[handlers.erp]\ntype = "forward"\nurl = "https://erp.example.com/"\n'
        return [rest for line in text.splitlines() for rest in whole(head + line, "")]
    return [text + "\n" + "".join(section for header, section in REST.items() if header not in text)]


@pytest.fixture
def shelves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that the page about handlers of one's own shows."""
    code = next(text for _, _, text in blocks("python") if "class Shelf(" in text)
    (tmp_path / "shelves.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("shelves")
@pytest.mark.parametrize(("name", "needs", "text"), TOML, ids=[block[0] for block in TOML])
def test_toml_blocks_are_accepted(tmp_path: Path, name: str, needs: str, text: str) -> None:
    if needs == "pyproject":
        assert tomllib.loads(text)["project"]
        return
    for number, rules in enumerate(whole(text, needs)):
        path = tmp_path / f"{name}-{number}.toml"
        path.write_text(rules)
        load(path)
