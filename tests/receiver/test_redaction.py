"""No secret of a rules file is ever told: not by the daemon's log, and not by any command about it."""

import asyncio
import base64
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from receiver.cli import cli
from receiver.errors import RouterError
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns
from tests.receiver.manager import Manager, Service

WEBHOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = {
    "WEBHOOK_SECRET": WEBHOOK,
    "BASIC": "basic-5ecret-tr0ub4dor",
    "HEADER": "header-5ecret-c0rrect",
    "BEARER": "bearer-5ecret-h0rse",
    "CLIENT_ID": "client-5ecret-id",
    "CLIENT_SECRET": "client-5ecret-battery",
    "COMMAND": "command-5ecret-staple",
    "LWA_ID": "lwa-5ecret-id",
    "LWA_SECRET": "lwa-5ecret-secret",
    "REFRESH": "Atzr|5ecret-refresh",
}
WRONG_PASSWORD = "wr0ng-5ecret-guess"
FORMS = (str, lambda text: base64.b64encode(text.encode()).decode())


def rules_of(sink: Sink, forward: str) -> str:
    def plain(name: str, more: str) -> str:
        return (
            f'[handlers.{name}]\ntype = "forward"\nurl = "{sink.url}{name}"\nallow_private = true\n{more}\n'
            'retry = { attempts = 2, first = "10ms", most = "10ms" }\n'
        )

    oauth = (
        f'auth = {{ type = "oauth2", token_url = "{sink.url}token", client_id = {{ env = "CLIENT_ID" }}, '
        'client_secret = { env = "CLIENT_SECRET" } }'
    )
    return "\n".join(
        [
            "[spapi]\nclient_id = { env = 'LWA_ID' }\nclient_secret = { env = 'LWA_SECRET' }",
            "[[spapi.accounts]]\nseller_id = 'A1B2C3D4E5F6G7'\nregion = 'na'\nrefresh_token = { env = 'REFRESH' }",
            forward,
            plain("header", 'headers = { X-Api-Key = { env = "HEADER" } }'),
            plain("bearer", 'auth = { type = "bearer", token = { env = "BEARER" } }'),
            plain("oauth", oauth),
            '[handlers.command]\ntype = "exec"\ncommand = ["/bin/sh", "-c", "exit 3"]',
            'env = { S = { env = "COMMAND" } }',
            'retry = { attempts = 2, first = "10ms", most = "10ms" }',
            '[[rules]]\nname = "all"\nhandlers = ["erp", "header", "bearer", "oauth", "command"]',
        ]
    )


def leaks(text: str) -> list[str]:
    """The names of the secrets that a text holds, as they are or in base64."""
    wanted = {**SECRETS, "guess": WRONG_PASSWORD, "key": WEBHOOK.removeprefix("whsec_")}
    pair = {"pair": f"sns:{SECRETS['BASIC']}", "wrong pair": f"sns:{WRONG_PASSWORD}"}
    return [name for name, secret in (wanted | pair).items() for form in FORMS if form(secret) in text]


@pytest.fixture
def rules(write_rules: Any, forward_to: Any, sink: Sink, tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    basic = 'basic_auth = { username = "sns", password = { env = "BASIC" } }'
    more = 'retry = { attempts = 2, first = "10ms", most = "10ms" }'
    text = write_rules(rules_of(sink, forward_to("erp", more)), server=basic)
    path.write_text(text + '[log]\nlevel = "debug"\n')
    return path


async def said(*arguments: str) -> str:
    """All that a command prints, with every secret in its environment, and the error that it ends with."""
    result = await asyncio.to_thread(CliRunner(env=SECRETS).invoke, cli, arguments)
    assert result.exception is None or isinstance(result.exception, RouterError | SystemExit)
    return f"{result.output}\n{result.exception or ''}"


async def push(url: str, sns: SimulatedSns, password: str) -> int:
    message = sns.messages().notification(
        '{"NotificationType": "X"}', subscription=f"{sns.topic}:1", sent_at=sns.clock()
    )
    credentials = "Basic " + base64.b64encode(f"sns:{password}".encode()).decode()
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, data=message.body, headers={**message.headers, "Authorization": credentials}) as answer,
    ):
        return answer.status


async def test_no_log_line_and_no_command_tells_a_secret(
    rules: Path, sns: SimulatedSns, sink: Sink, tmp_path: Path
) -> None:
    sink.behave(Behaviour(status=500, body="no"))
    manager = Manager(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/sns"
        service = Service(rules, {**manager.environment, **SECRETS}, listener)
        try:
            await service.start(manager.hear(lambda said: "READY" in said))
            assert await push(url, sns, WRONG_PASSWORD) == 401
            assert await push(url, sns, SECRETS["BASIC"]) == 200
            async with asyncio.timeout(30):
                while service.log.count("delivery_dead") < 5:
                    await asyncio.sleep(0.05)
            doctor = await said("doctor", "--offline", "--config", str(rules))
            assert await service.stop() == 0
        finally:
            await service.kill()
            await manager.close()
    message = tmp_path / "message.json"
    message.write_text('{"NotificationType": "X", "Payload": {}}')
    config = ("--config", str(rules))
    printed = {
        "log": service.log,
        "doctor": doctor,
        "check": await said("check", *config),
        "explain": await said("explain", str(message), *config),
        "explain --json": await said("explain", str(message), "--json", *config),
        "inbox show": await said("inbox", "show", "1", *config),
        "deliveries list": await said("deliveries", "list", *config),
        "install": await said("install", "--systemd", "--print", *config),
        **{
            f"deliveries show {number}": await said("deliveries", "show", str(number), *config)
            for number in range(1, 6)
        },
    }
    assert {name: leaks(text) for name, text in printed.items() if leaks(text)} == {}
    assert "push_refused" in service.log
    assert "POST" in printed["explain"]
    assert "500" in "".join(text for name, text in printed.items() if name.startswith("deliveries show"))


async def test_a_secret_that_is_written_into_the_file_is_refused_and_not_repeated(rules: Path) -> None:
    text = await asyncio.to_thread(rules.read_text)
    literal = text.replace('{ env = "BASIC" }', f'"{SECRETS["BASIC"]}"')
    await asyncio.to_thread(rules.write_text, literal)
    for command in (("check",), ("doctor", "--offline"), ("serve",), ("install", "--systemd", "--print")):
        output = await said(*command, "--config", str(rules))
        assert "a secret is never written here" in output
        assert leaks(output) == []


def test_what_is_looked_for_would_be_found() -> None:
    assert leaks(f"password={SECRETS['BASIC']}") == ["BASIC"]
    pair = base64.b64encode(f"sns:{SECRETS['BASIC']}".encode()).decode()
    assert leaks(f"Authorization: Basic {pair}") == ["pair"]
