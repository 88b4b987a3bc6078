"""Files that a user cannot reach: commands say so in one line, by real processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver.cli import cli, options
from receiver.errors import RouterError

LONG = "a" * 300
"""No file system has such a name: looking for it fails as in a directory of another user's, also for root."""
RULES = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:a"]\n[inbox]\ndatabase = "sqlite:{}"\n'


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", LONG),
        ("inbox", "list", "--config", LONG),
        ("doctor", "--offline", "--config", LONG),
        ("install", "--systemd", "--print", "--config", LONG),
        ("inbox", "stats", "--database", LONG),
        ("inbox", "backup", "copy.db", "--database", LONG),
        ("inbox", "vacuum", "--database", LONG),
        ("inbox", "restore", LONG, "--database", "inbox.db"),
        ("simulate", "sns", "--to", "http://127.0.0.1:1/", "--keep", LONG),
    ],
)
def test_a_file_that_cannot_be_reached_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, arguments)
    if not isinstance(result.exception, RouterError):
        assert (result.exit_code, LONG in result.stderr) == (2, True), result.exception
    else:
        assert f"{LONG} cannot be reached: File name too long" in str(result.exception)


def test_a_rules_file_that_cannot_be_reached_is_none_to_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by `sudo -u spapi-router` in root's home directory."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES.format("inbox.db"))
    monkeypatch.setattr(options, "PLACES", (Path(LONG), rules))
    assert options.find_config(None) == rules


def test_an_inbox_that_cannot_be_opened_is_said_in_one_line(tmp_path: Path, root: Path) -> None:
    """Ten times: whether a thread complained that its event loop was gone was a matter of luck."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "rules.toml").write_text(RULES.format("socket"))
    command = [sys.executable, "-c", "from receiver.cli import main; main()", "inbox", "stats"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    for _ in range(10):
        said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert said.returncode == 1
        assert len(said.stderr.splitlines()) == 1, said.stderr
        assert "cannot be opened" in said.stderr
