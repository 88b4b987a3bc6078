import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from receiver.cli import cli
from receiver.cli import install as install_module
from receiver.errors import ConfigError, RouterError
from receiver.units import PLACES

GOOD = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]\n'
SECRET = '[server]\nbasic_auth = { username = "sns", password = { credential = "sns-password" } }\n'


def install(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["install", *arguments])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD + SECRET)
    return path


def test_the_files_are_written_below_a_prefix_and_the_next_steps_said(tmp_path: Path, rules: Path) -> None:
    result = install("--systemd", "--prefix", str(tmp_path / "image"), "--config", str(rules))
    assert result.exit_code == 0, result.output
    service = tmp_path / "image" / PLACES["spapi-router.service"]
    assert f"spapi-router serve --config {rules}" in service.read_text()
    assert f"written    {service}" in result.output
    assert service.stat().st_mode & 0o777 == 0o644
    for step in (
        "put the secret into /etc/spapi-router/secrets/sns-password",
        "systemctl daemon-reload",
        # One that runs would go on with units, credentials and address of before.
        "systemctl stop spapi-router.socket spapi-router.service",
        "systemctl enable --now spapi-router.socket spapi-router.service",
    ):
        assert step in result.output
    assert sorted(path.name for path in service.parent.iterdir()) == ["spapi-router.service", "spapi-router.socket"]


def test_below_a_prefix_it_is_said_that_systemd_does_not_look_there(
    tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = "systemd does not look below"
    result = install("--systemd", "--prefix", str(tmp_path / "image"), "--config", str(rules))
    assert f"{elsewhere} {tmp_path / 'image'}: " in result.output
    monkeypatch.setattr(install_module, "_ROOT", tmp_path)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    refused = install("--systemd", "--prefix", str(link), "--config", str(rules))
    assert isinstance(refused.exception, RouterError), "the root directory by another name is the root directory"


def test_an_inbox_that_the_service_cannot_write_is_named(tmp_path: Path, rules: Path) -> None:
    arguments = ("--systemd", "--print", "--config", str(rules))
    assert install(*arguments).stderr == ""
    rules.write_text(GOOD + SECRET + '[inbox]\ndatabase = "sqlite:inbox.db"\n')
    said = install(*arguments)
    assert said.exit_code == 0
    assert f"warning: inbox.database is {tmp_path / 'inbox.db'}, and the service writes below" in said.stderr


def test_the_program_that_runs_is_the_one_the_service_starts(tmp_path: Path, rules: Path) -> None:
    result = install("--systemd", "--print", "--config", str(rules))
    (line,) = [line for line in result.output.splitlines() if line.startswith("ExecStart=")]
    program = Path(line.removeprefix("ExecStart=").split()[0])
    assert program.is_absolute()
    assert os.access(program, os.X_OK)


def test_print_writes_nothing(tmp_path: Path, rules: Path) -> None:
    prefix = tmp_path / "image"
    result = install("--systemd", "--print", "--prefix", str(prefix), "--config", str(rules))
    assert result.exit_code == 0
    assert "# /etc/systemd/system/spapi-router.socket\n[Unit]" in result.output
    assert not prefix.exists()


def test_after_a_change_of_secrets_alone_the_socket_is_kept(tmp_path: Path, rules: Path) -> None:
    arguments = ("--systemd", "--prefix", str(tmp_path / "image"), "--config", str(rules))
    install(*arguments)
    rules.write_text(GOOD + SECRET.replace("sns-password", "another"))
    said = install(*arguments, "--force").output
    assert "systemctl restart spapi-router.service\n" in said
    assert "systemctl stop" not in said


def test_a_second_time_changes_nothing_and_changed_files_are_left_alone(tmp_path: Path, rules: Path) -> None:
    arguments = ("--systemd", "--prefix", str(tmp_path / "image"), "--config", str(rules))
    install(*arguments)
    assert "written" not in install(*arguments).output
    service = tmp_path / "image" / PLACES["spapi-router.service"]
    service.write_text("[Service]\n# mine\n")
    refused = install(*arguments)
    assert isinstance(refused.exception, RouterError)
    assert "systemctl edit" in str(refused.exception)
    assert service.read_text() == "[Service]\n# mine\n"
    assert install(*arguments, "--force").exit_code == 0
    assert "ExecStart=" in service.read_text()


def test_without_a_rules_file_the_way_to_one_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    result = install("--systemd", "--prefix", str(tmp_path / "image"), "--config", str(missing))
    assert f"write {missing}, then: spapi-router check {missing}" in result.output
    again = f"spapi-router install --systemd --force --config {missing} --prefix {tmp_path / 'image'}"
    assert again in result.output


def test_a_rules_file_with_errors_is_refused_with_them(tmp_path: Path, rules: Path) -> None:
    rules.write_text(GOOD.replace("topics", "topcis"))
    result = install("--systemd", "--prefix", str(tmp_path / "image"), "--config", str(rules))
    assert isinstance(result.exception, ConfigError)
    assert not (tmp_path / "image").exists()


def test_without_root_it_is_refused_with_the_ways_there_are(monkeypatch: pytest.MonkeyPatch, rules: Path) -> None:
    monkeypatch.setattr(install_module.os, "geteuid", lambda: 1000)
    result = install("--systemd", "--config", str(rules))
    assert isinstance(result.exception, RouterError)
    assert "--print" in str(result.exception)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path, rules: Path) -> None:
    (tmp_path / "etc").write_text("a file in the way")
    result = install("--systemd", "--prefix", str(tmp_path), "--config", str(rules))
    assert isinstance(result.exception, RouterError)
    assert str(tmp_path / "etc") in str(result.exception)


def test_what_to_install_has_to_be_said() -> None:
    result = install()
    assert result.exit_code == 2
    assert "--systemd" in result.output
