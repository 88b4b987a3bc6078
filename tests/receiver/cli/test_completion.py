"""Shell completion: the scripts as their shells read them, and what they offer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver.cli import cli
from receiver.cli.completion import SHELLS, VARIABLE

PROGRAM = Path(sys.executable).with_name("spapi-router")


def script_of(shell: str) -> str:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_its_script(shell: str, tmp_path: Path) -> None:
    script = script_of(shell)
    assert VARIABLE in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    path = tmp_path / "script"
    path.write_text(script)
    subprocess.run([program, "-n", str(path)], check=True)


def offered(words: str, index: int) -> list[str]:
    environment = {**os.environ, VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
    done = subprocess.run([str(PROGRAM)], env=environment, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_options_and_values_are_offered() -> None:
    assert offered("spapi-router in", 1) == ["inbox", "install"]
    assert offered("spapi-router inbox ba", 2) == ["backup"]
    assert "--dead" not in offered("spapi-router deliveries list --", 3)
    assert "--state" in offered("spapi-router deliveries list --", 3)
    assert offered("spapi-router deliveries list --state d", 4) == ["done", "dead"]
    assert offered("spapi-router completion ", 2) == list(SHELLS)


def test_bash_completes_with_it(tmp_path: Path) -> None:
    (tmp_path / "script").write_text(script_of("bash"))
    lines = [
        "source ./script",
        "COMP_WORDS=(spapi-router inbox exp) COMP_CWORD=2",
        "_spapi_router_completion spapi-router",
        "echo ${COMPREPLY[@]}",
    ]
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", "\n".join(lines)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "export\n"


def test_another_shell_is_wrong_usage() -> None:
    result = CliRunner().invoke(cli, ["completion", "csh"])
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.output
