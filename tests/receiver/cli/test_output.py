"""What becomes of a command whose output goes nowhere: it ends, and says why in a line."""

import asyncio
import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver.cli import cli
from receiver.cli.output import json_line
from receiver.doctor import Result
from receiver.inbox import SqliteInbox

RULES = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:a"]
[inbox]
database = "sqlite:inbox.db"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    async def made() -> None:
        inbox = await SqliteInbox.open(tmp_path / "inbox.db")
        await inbox.close()

    asyncio.run(made())
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path / "rules.toml"


@pytest.mark.parametrize("arguments", [["inbox", "stats"], ["check"], ["operations", "list", "--json"]])
def test_a_full_disk_is_said_in_one_line(rules: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "receiver", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=rules.parent,
            timeout=60,
            check=False,
        )
    words = done.stderr.decode().splitlines()
    assert (done.returncode, words[-1]) == (1, "spapi-router: the output cannot be written: No space left on device")
    assert "Traceback" not in done.stderr.decode()


def test_a_doctor_whose_reader_has_left_puts_everything_away(
    rules: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def show(name: str, result: Result) -> None:
        if name != "rules file":
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("receiver.cli.doctor._show", show)
    result = CliRunner().invoke(cli, ["doctor", "--offline", "--config", str(rules)])
    assert result.exit_code == 1
    assert "asyncio.run() shutdown" not in caplog.text


def test_a_line_of_json_does_nothing_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"type": "A\x9b2J\u202e\U000e0001 é"}
    json_line(record)
    printed = capsys.readouterr().out.removesuffix("\n")
    assert printed.isprintable()
    assert json.loads(printed) == record
