import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from receiver.cli import cli, options

GOOD = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
[handlers.erp]
type = "forward"
url = "https://erp.example.com/hooks"
[[rules]]
name = "all"
handlers = ["erp"]
"""
DOUBTFUL = GOOD + '[handlers.crm]\ntype = "log"\n'
WRONG = GOOD.replace("handlers = [", "handers = [") + "[log]\nlevel = 3\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "PLACES", (Path("rules.toml"), tmp_path / "etc/rules.toml"))


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments])


def test_a_good_file(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(GOOD)
    for arguments in ((), ("rules.toml",), ("--config", "rules.toml"), ("--strict",)):
        result = check(*arguments)
        assert (result.exit_code, result.output) == (0, "rules.toml: ok, 1 rule, 1 handler\n")
    assert check("--json").output == ""


def test_the_file_in_etc_is_the_second_choice(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/rules.toml").write_text(GOOD)
    assert check().output == f"{tmp_path}/etc/rules.toml: ok, 1 rule, 1 handler\n"


def test_warnings_fail_only_when_strict(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(DOUBTFUL)
    result = check()
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "rules.toml:10: warning: handlers.crm: no rule leads to it: it is never used",
        "rules.toml: ok, 1 rule, 2 handlers, 1 warning",
    ]
    assert check("--strict").exit_code == 1


def test_errors(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(WRONG)
    result = check()
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "rules.toml:7: rules[0].handlers: names no handler: name one, or set stop = true to end the search here",
        'rules.toml:9: rules[0].handers: there is no such key here: did you mean "handlers"?',
        'rules.toml:11: log.level: must be "debug", "info", "warning" or "error", and is a number',
    ]
    assert result.stderr == "rules.toml: 3 errors\n"


def test_findings_for_editors(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(WRONG)
    result = check("--json")
    assert result.exit_code == 1
    assert [json.loads(line) for line in result.stdout.splitlines()][1] == {
        "file": "rules.toml",
        "line": 9,
        "column": None,
        "severity": "error",
        "key": "rules[0].handers",
        "path": ["rules", 0, "handers"],
        "message": 'there is no such key here: did you mean "handlers"?',
    }
    (tmp_path / "rules.toml").write_text("a = b")
    assert json.loads(check("--json").stdout)["column"] == 5
    (tmp_path / "rules.toml").write_text(DOUBTFUL)
    assert json.loads(check("--json").stdout)["severity"] == "warning"


def test_a_missing_file_names_both_places(tmp_path: Path) -> None:
    result = check()
    assert result.exit_code != 0
    assert str(result.exception) == (
        f"there is no rules file: neither ./rules.toml nor {tmp_path}/etc/rules.toml exists; "
        "name one with --config PATH"
    )
    assert str(check("other.toml").exception) == "there is no rules file other.toml: name another with --config PATH"


def test_the_file_is_named_once() -> None:
    result = check("a.toml", "--config", "b.toml")
    assert result.exit_code == 2
    assert "name the rules file once" in result.output


def test_the_schema_needs_no_file() -> None:
    result = check("--schema")
    assert result.exit_code == 0
    assert json.loads(result.output)["title"] == "rules.toml of spapi-router"
