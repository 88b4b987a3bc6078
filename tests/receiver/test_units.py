"""The service's files, as systemd itself judges them, and the daemon inside of what they allow."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from receiver.config import Configuration, load
from receiver.units import Machine, UnitError, check_visible, credentials, fitted, templates, unwritable
from tests.receiver.manager import Manager

MOST_EXPOSED = 1.3
LEAST = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]\n'
CHECK = "/opt/spapi-router/bin/spapi-router check /etc/spapi-router/rules.toml"
MACHINE = Machine(Path("/opt/spapi-router/bin/spapi-router"), Path("/etc/spapi-router/rules.toml"))


def configured(directory: Path, server: str = "", rest: str = "") -> Configuration:
    rules = directory / "rules.toml"
    rules.write_text(f"[server]\n{server}\n{LEAST}{rest}")
    return load(rules)


def value(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def test_the_units_as_they_are_kept() -> None:
    files = fitted(templates(), MACHINE, None)
    service = files["spapi-router.service"]
    assert value(service, "Type") == ["notify-reload"]
    assert value(service, "ExecReload") == [CHECK]
    assert value(service, "ExecStart") == [
        "/opt/spapi-router/bin/spapi-router serve --config /etc/spapi-router/rules.toml"
    ]
    assert value(files["spapi-router.socket"], "ListenStream") == ["127.0.0.1:8080"]


def test_the_service_runs_as_the_user_that_commands_beside_it_can_be_run_as() -> None:
    files = templates()
    (user,) = value(files["spapi-router.service"], "User")
    assert f"\nu {user} " in files["spapi-router.sysusers.conf"]
    assert value(files["spapi-router.service"], "DynamicUser") == [], "it hides the inbox below /var/lib/private"


def test_the_journal_takes_the_lines_of_a_thousand_pushes_a_second() -> None:
    service = templates()["spapi-router.service"]
    (interval,), (burst,) = value(service, "LogRateLimitIntervalSec"), value(service, "LogRateLimitBurst")
    lines_of_a_push = 2
    assert int(burst) / int(interval.removesuffix("s")) >= 1000 * lines_of_a_push


@pytest.mark.parametrize(("version", "type_"), [(249, "notify"), (252, "notify"), (253, "notify-reload")])
def test_a_systemd_that_knows_no_notify_reload_gets_a_reload_command(version: int, type_: str) -> None:
    service = fitted(templates(), Machine(MACHINE.executable, MACHINE.config, version), None)["spapi-router.service"]
    assert value(service, "Type") == [type_]
    assert value(service, "ExecReload") == [*(["/bin/kill -HUP $MAINPID"] if version < 253 else []), CHECK]


def test_words_of_the_command_line_stay_words() -> None:
    machine = Machine(Path('/opt/a "b"/100%/spapi-router'), Path("/etc/$x/rules.toml"))
    (command,) = value(fitted(templates(), machine, None)["spapi-router.service"], "ExecStart")
    assert command == '"/opt/a \\"b\\"/100%%/spapi-router" serve --config "/etc/$$x/rules.toml"'


@pytest.mark.parametrize("name", ["x\\nExecStartPre=/bin/evil", "a b", "%i"])
def test_a_credential_that_would_be_more_than_a_name_is_refused(tmp_path: Path, name: str) -> None:
    config = configured(tmp_path, f'basic_auth = {{ username = "sns", password = {{ credential = "{name}" }} }}')
    with pytest.raises(UnitError, match="no name of a systemd credential"):
        fitted(templates(), MACHINE, config)


def test_a_path_with_a_line_end_is_refused() -> None:
    with pytest.raises(UnitError, match="control characters"):
        fitted(templates(), Machine(MACHINE.executable, Path("/etc/a\nb.toml")), None)


def test_address_and_credentials_of_the_rules_file_are_taken(tmp_path: Path) -> None:
    handler = '[handlers.{}]\ntype = "forward"\nurl = "https://erp.example.com/"\nsecret = {{ {} }}\n'
    config = configured(
        tmp_path,
        'listen = "[::1]:8443"\nbasic_auth = { username = "sns", password = { credential = "sns-password" } }',
        handler.format("erp", 'credential = "erp"')
        + handler.format("crm", 'credential = "erp"')
        + handler.format("wms", 'env = "WMS"'),
    )
    assert credentials(config) == ["erp", "sns-password"]
    files = fitted(templates(), MACHINE, config)
    assert value(files["spapi-router.socket"], "ListenStream") == ["[::1]:8443"]
    assert value(files["spapi-router.service"], "LoadCredential") == [
        "erp:/etc/spapi-router/secrets/erp",
        "sns-password:/etc/spapi-router/secrets/sns-password",
    ]


@pytest.mark.parametrize(
    ("listen", "stream"),
    [("localhost:80", "127.0.0.1:80"), ("0.0.0.0:443", "0.0.0.0:443"), ("unix:/run/sns.sock", "/run/sns.sock")],
)
def test_where_the_socket_unit_listens(tmp_path: Path, listen: str, stream: str) -> None:
    files = fitted(templates(), MACHINE, configured(tmp_path, f'listen = "{listen}"'))
    assert value(files["spapi-router.socket"], "ListenStream") == [stream]


@pytest.mark.parametrize(
    ("listen", "cure"),
    [
        ("sns.example.com:80", "an address, not a name"),
        ("127.0.0.1:0", "a port"),
        ("unix:/run/spapi-router/sns.sock", "unix:/run/spapi-router.sock"),
    ],
)
def test_where_a_socket_unit_cannot_listen(tmp_path: Path, listen: str, cure: str) -> None:
    with pytest.raises(UnitError, match=cure):
        fitted(templates(), MACHINE, configured(tmp_path, f'listen = "{listen}"'))


@pytest.mark.parametrize("path", ["/root/.local/bin/spapi-router", "/home/ann/venv/bin/spapi-router", "/tmp/x"])
def test_a_program_that_the_service_could_not_see_is_refused(path: str) -> None:
    check_visible([Path("/opt/spapi-router/bin/spapi-router"), Path("/homes/x")])
    with pytest.raises(UnitError, match="pipx install --global"):
        check_visible([Path("/usr/bin/python3"), Path(path)])
    with pytest.raises(UnitError, match="cannot see: move it"):
        check_visible([Path(path)], "move it")


@pytest.mark.parametrize("place", ["/var/lib/spapi-router", "/var/lib/private/spapi-router/shop", "/srv", "."])
def test_an_inbox_where_the_service_cannot_write_is_named(tmp_path: Path, place: str) -> None:
    database = f"sqlite://{place}/inbox.db" if place != "." else "sqlite:inbox.db"
    config = configured(tmp_path, rest=f'[inbox]\ndatabase = "{database}"\n')
    assert bool(unwritable(config)) == (place in {"/srv", "."})


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A directory with the units, fitted to this machine's systemd."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here: apt-get install systemd")
    said = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    machine = Machine(Path("/bin/true"), MACHINE.config, int(said.split()[1]))
    directory = tmp_path / "units"
    directory.mkdir()
    for name, text in fitted(templates(), machine, None).items():
        (directory / name).write_text(text)
    return directory


def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    paths = [str(units / f"spapi-router.{kind}") for kind in ("service", "socket")]
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths], check=False, capture_output=True, text=True
    )
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


def test_systemd_judges_the_service_to_be_hardly_exposed(units: Path) -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / "spapi-router.service")],
        check=False,
        capture_output=True,
        text=True,
    )
    exposure = re.search(r"Overall exposure level for spapi-router.service: ([0-9.]+)", judged.stdout)
    assert exposure, judged.stderr
    assert float(exposure[1]) <= MOST_EXPOSED


RULES = '[handlers.show]\ntype = "exec"\ncommand = ["/bin/cat"]\n[[rules]]\nname = "all"\nhandlers = ["show", "erp"]\n'
CONFINED = """
import ctypes, os, sys
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
call = ctypes.CDLL(None, use_errno=True).prctl
if call(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or call(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(77)
os.umask(0o077)
os.execv(sys.executable, [sys.executable, "-m", "receiver", "serve", "--config", sys.argv[1]])
"""


async def test_the_daemon_works_without_memory_that_is_writable_and_executable(
    write_rules: Any, forward_to: Any, sns: Any, sink: Any, tmp_path: Path
) -> None:
    """What MemoryDenyWriteExecute and NoNewPrivileges do, asked of the kernel itself: prctl(2)."""
    rules = tmp_path / "rules.toml"
    rules.write_text(
        write_rules(forward_to() + RULES, server=f'listen = "unix:{tmp_path}/sns.sock"').replace(
            'listen = "127.0.0.1:0"\n', "", 1
        )
    )
    manager = Manager(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CONFINED, str(rules)), env={**os.environ, **manager.environment}
    )
    ready = asyncio.create_task(manager.hear(lambda said: "READY" in said))
    ended = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and process.returncode == 77:
            pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")
        assert ready.done()
        assert (await published(sns, tmp_path / "sns.sock")) == 200
        await sink.wait_for(1)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        ready.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
        await manager.close()


async def published(sns: Any, path: Path) -> int:
    push = sns.messages().notification("hello", subscription=f"{sns.topic}:1", sent_at=sns.clock())
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client,
        client.post("http://router/sns", data=push.body, headers=push.headers) as answer,
    ):
        return answer.status
