"""Commands beside the service read its credentials, where they may."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handlers.base import Secret, SecretError
from receiver import cli
from receiver.cli.credentials import borrow

REFRESH = Secret("credential", "refresh")


def test_a_command_has_the_credentials_of_the_running_service(tmp_path: Path) -> None:
    (tmp_path / "refresh").write_text("Atzr|1\n")
    environ: dict[str, str] = {}
    borrow(environ, tmp_path)
    assert REFRESH.read(environ) == "Atzr|1"


def test_credentials_of_its_own_go_first(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": "/run/credentials/other.service"}
    borrow(environ, tmp_path)
    assert environ == {"CREDENTIALS_DIRECTORY": "/run/credentials/other.service"}


def test_while_no_service_runs_the_cure_says_so(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    borrow(environ, tmp_path / "absent")
    with pytest.raises(
        SecretError, match=r"LoadCredential=refresh:PATH to the unit and restart it; .* as root, while it runs"
    ):
        REFRESH.read(environ)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_a_user_may_not_read_is_not_named(tmp_path: Path) -> None:
    place = tmp_path / "spapi-router.service"
    place.mkdir(mode=0o500)
    script = (
        "import os, sys, pathlib\nfrom receiver.cli.credentials import borrow\nfound = {}\nos.setuid(65534)\n"
        "borrow(found, pathlib.Path(sys.argv[1]))\nprint(found)"
    )
    said = subprocess.run([sys.executable, "-c", script, str(place)], capture_output=True, text=True, check=True)
    assert said.stdout == "{}\n"


@pytest.mark.parametrize(("command", "borrowed"), [("check", 1), ("serve", 0)])
def test_every_command_borrows_but_the_daemon_itself(
    command: str, borrowed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times: list[None] = []
    monkeypatch.setattr(cli, "borrow", lambda: times.append(None))
    with pytest.raises(SystemExit):
        cli.main([command, "--config", "/absent/rules.toml"])
    assert len(times) == borrowed
    assert "/absent/rules.toml" in capsys.readouterr().err
