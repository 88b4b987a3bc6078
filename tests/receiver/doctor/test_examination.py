"""The examination as a whole: bad rules files, secrets, checks that hang or fail, and the command."""

import asyncio
import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.cli import cli
from receiver.doctor import Check, Patient, Result, Verdict, examine
from receiver.doctor.examination import Orders
from receiver.doctor.patient import Ways
from receiver.doctor.probe import Probe
from receiver.doctor.registry import CHECKS
from receiver.errors import InboxError, RouterError
from receiver.inbox import SqliteInbox
from receiver.inbox.lock import OwnerLock
from tests.receiver.doctor.conftest import Look, only
from tests.receiver.manager import Manager, Service

LEAST = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'
SECRETS = (
    '[server]\nlisten = "127.0.0.1:0"\nadmin = false\n'
    'basic_auth = {{ username = "sns", password = {{ {} }} }}\n' + LEAST.replace("{", "{{").replace("}", "}}")
)


def write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(LEAST)
    return path


async def test_a_rules_file_with_errors_is_the_finding_and_nothing_else_is_looked_at(rules: Path, look: Look) -> None:
    write(rules, LEAST.replace("topics", "topcis").replace("database", "databse"))
    found = await look(rules)
    assert [result.verdict for result in found["rules file"]] == [Verdict.FINDING] * 3
    assert 'did you mean "topics"' in "".join(result.detail for result in found["rules file"])
    assert {result.verdict for name, results in found.items() if name != "rules file" for result in results} == {
        Verdict.SKIPPED
    }
    assert set(found) == {"rules file", *(check.name for check in CHECKS)}


async def test_what_is_doubtful_in_the_rules_file_is_a_warning(rules: Path, look: Look) -> None:
    write(rules, LEAST + '[handlers.idle]\ntype = "log"\n')
    results = (await look(rules))["rules file"]
    assert [result.verdict for result in results] == [Verdict.OK, Verdict.WARNING, Verdict.WARNING]
    assert any("idle" in result.detail for result in results)


@pytest.mark.parametrize(
    ("secret", "verdict", "says"),
    [
        ('env = "PASSWORD"', Verdict.OK, "1 can be read"),
        ('env = "MISSING"', Verdict.WARNING, "server.basic_auth.password, in this shell: environment variable MISSING"),
        ('file = "password"', Verdict.FINDING, "server.basic_auth.password: secret"),
        ('credential = "sns"', Verdict.SKIPPED, "only while systemd runs the daemon"),
    ],
)
async def test_secrets_where_no_daemon_runs(rules: Path, look: Look, secret: str, verdict: Verdict, says: str) -> None:
    write(rules, SECRETS.format(secret))
    look.environ = {"PASSWORD": "hunter2"}
    result = only((await look(rules))["secrets"], verdict)
    assert says in result.detail
    assert "hunter2" not in result.detail
    assert verdict is not Verdict.WARNING or result.cure.endswith("systemctl cat spapi-router")


async def test_a_credential_that_systemd_will_not_find_is_named(
    rules: Path, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.doctor.secrets.SECRETS", tmp_path)
    write(rules, SECRETS.format('credential = "sns"'))
    look.environ = {}
    missing = only((await look(rules))["secrets"], Verdict.WARNING)
    assert f"there is no {tmp_path}/sns" in missing.detail
    assert "243/CREDENTIALS" in missing.detail
    (tmp_path / "sns").write_text("hunter2")
    only((await look(rules))["secrets"], Verdict.SKIPPED)


async def test_secrets_are_looked_for_in_the_environment_of_the_daemon_that_runs(
    rules: Path, look: Look, tmp_path: Path
) -> None:
    write(rules, SECRETS.format('credential = "sns"'))
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "sns").write_text("hunter2")
    manager = Manager(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {**manager.environment, "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
        service = Service(rules, environment, listener)
        try:
            await service.start(manager.hear(lambda said: "READY" in said))
            found = await look(rules)
            only(found["secrets"], Verdict.OK)
            only(found["socket"], Verdict.OK)
            (tmp_path / "credentials" / "sns").unlink()
            assert "systemctl restart" in only((await look(rules))["secrets"], Verdict.FINDING).cure
        finally:
            await service.kill()
            await manager.close()


async def test_a_service_without_its_socket_unit_is_told(rules: Path, look: Look, tmp_path: Path) -> None:
    write(rules, f'[server]\nlisten = "127.0.0.1:0"\nadmin = false\n{LEAST}')
    manager = Manager(tmp_path)
    command = [sys.executable, "-m", "receiver", "serve", "--config", str(rules)]
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **manager.environment})
    try:
        await manager.hear(lambda said: "READY" in said)
        found = only((await look(rules))["socket"], Verdict.WARNING)
        assert "start spapi-router.socket spapi-router.service" in found.cure
    finally:
        process.kill()
        await process.wait()
        await manager.close()


async def test_another_user_is_told_to_be_root_and_nothing_is_made_up(
    rules: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(lock: OwnerLock) -> None:
        raise InboxError(f"the inbox's lock file {lock.path} cannot be read: Permission denied")

    async def forbid(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(OwnerLock, "owner", refuse)
    monkeypatch.setattr(SqliteInbox, "read", forbid)
    found = await look(rules)
    assert "run as root" in only(found["daemon"], Verdict.SKIPPED).detail
    assert not [name for name, results in found.items() for each in results if each.verdict == Verdict.FINDING]


async def run(*checks: Check, rules: Path) -> list[Result]:
    orders = Orders(rules, Ways(Probe()), {}, checks=checks)
    return [result async for name, result in examine(orders) if name != "rules file"]


async def test_a_check_that_hangs_or_fails_does_not_keep_the_others_from_ending(rules: Path) -> None:
    async def hang(_patient: Patient) -> Sequence[Result]:
        await asyncio.Event().wait()
        raise AssertionError

    async def refuse(_patient: Patient) -> Sequence[Result]:
        raise RouterError("the inbox is locked")

    async def fail(_patient: Patient) -> Sequence[Result]:
        raise KeyError("x")

    async def succeed(_patient: Patient) -> Sequence[Result]:
        return [Result(Verdict.OK, "well")]

    hung, refused, failed, succeeded = await run(
        Check("hang", hang, seconds=0.05),
        Check("refuse", refuse),
        Check("fail", fail),
        Check("succeed", succeed),
        rules=rules,
    )
    assert hung.detail == "no result within 0.05 s"
    assert refused.detail == "the inbox is locked"
    assert failed.detail == "the check itself failed: KeyError: 'x'"
    assert [each.verdict for each in (hung, refused, failed)] == [Verdict.FINDING] * 3
    assert succeeded.verdict == Verdict.OK


def test_the_command_exits_1_on_a_finding_and_prints_a_line_and_a_cure_each(rules: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--offline", "--config", str(rules)])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == f"ok       rules file        {rules} can be used"
    place = next(at for at, line in enumerate(lines) if line.startswith("finding  daemon"))
    assert lines[place + 1].strip().startswith("-> systemctl start spapi-router")
    assert lines[-1] == "1 finding, 2 warnings"
    assert "\x1b" not in result.output


def test_json_has_an_object_for_each_result(rules: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--offline", "--json", "--config", str(rules)])
    records = [json.loads(line) for line in result.output.splitlines()]
    assert {record["check"] for record in records} == {"rules file", *(check.name for check in CHECKS)}
    assert all(record.keys() == {"check", "verdict", "detail", "cure"} for record in records)
    assert [record["check"] for record in records if record["verdict"] == "finding"] == ["daemon"]


async def test_a_router_that_is_well_exits_0(start_router: Any, write_rules: Any, sns: Any) -> None:
    router = await start_router(
        write_rules('[handlers.log]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n')
    )
    await sns.subscribe(router.url)
    arguments = ["doctor", "--offline", "--config", str(router.rules)]
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "0 findings, 2 warnings"
    assert "sns.signers" in result.output


def test_a_url_that_is_none_is_wrong_usage(rules: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--url", "sns.example.com/sns", "--config", str(rules)])
    assert result.exit_code == 2


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_terminals(rules: Path, more: dict[str, str], coloured: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | more
    command = [sys.executable, "-m", "receiver", "doctor", "--offline", "--config", str(rules)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = read_all(ours)
    os.close(ours)
    assert process.returncode == 1
    assert (b"\x1b[" in said) is coloured


def read_all(descriptor: int) -> bytes:
    said = b""
    with suppress(OSError):
        while chunk := os.read(descriptor, 4096):
            said += chunk
    return said
