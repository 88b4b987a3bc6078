"""The rehearsal of any rules file: nothing leaves the machine, and its exit status tells how it went."""

import asyncio
import json
import os
import re
import sys
import tomllib
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from receiver.config import load

OWN_RULES = """
[server]
listen = "0.0.0.0:443"
tls = { certificate = "cert.pem", key = "key.pem" }
[sns]
topics = ["arn:aws:sns:eu-west-1:999999999999:orders"]
[inbox]
database = "sqlite:///srv/router/inbox.db"
[spapi]
client_id = { credential = "lwa-id" }
client_secret = { file = "/etc/router/lwa-secret" }
key = { file = "/etc/router/key" }
[[spapi.accounts]]
seller_id = "A1B2C3D4E5"
region = "eu"
refresh_token = { credential = "token" }
[alerts]
no_notification = "1h"
[handlers.erp]
type = "forward"
url = "https://erp.example.com/orders/{payload.id}?from=amazon&id={notification_id}"
headers = { X-Key = { file = "/etc/router/x-key" }, X-Seller = "{seller_id}" }
secret = [{ credential = "new" }, { env = "OLD" }]
tls = { certificate = "client.pem", key = "client.key" }
[handlers.erp.auth]
type = "oauth2"
token_url = "https://login.example.com/token"
client_id = "router"
client_secret = { env = "ERP_CLIENT" }
[handlers.archive]
type = "file"
path = "/srv/archive/{type}.jsonl"
[handlers.near]
type = "file"
path = "near.jsonl"
[[rules]]
name = "all"
handlers = ["erp", "archive", "near"]
"""


async def test_a_rules_file_of_ones_own_leads_to_this_machine_alone(
    tmp_path: Path, stand_ins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, scene = stand_ins
    text = module.document(scene.rules(tomllib.loads(OWN_RULES)))
    assert not re.findall(r"https://|/etc/|/srv/router|credential|0\.0\.0\.0", text)
    assert "alerts" not in text
    assert set(re.findall(r"http://([\d.]+):", text)) == {"127.0.0.1"}
    for name, value in scene.environment.items():
        monkeypatch.setenv(name, value)
    rules = tmp_path / "rules.toml"
    rules.write_text(text)
    config = load(rules)
    document = {"payload": {"id": 7}, "notification_id": "n-1", "type": "T"}
    erp, archive = config.handlers["erp"].settings, config.handlers["archive"].settings
    assert str(erp.url.url(document)) == f"{scene.sink.url}orders/7?from=amazon&id=n-1"
    assert [secret.read(os.environ)[:6] for secret in erp.secret] == ["whsec_", "whsec_"]
    assert archive.path.path(document) == tmp_path / "files/srv/archive/T.jsonl"
    assert config.handlers["near"].settings.path.path(document) == tmp_path / "near.jsonl"
    (account,) = config.spapi.accounts
    assert account.refresh_token.read(os.environ) == scene.amazon.settings.refresh_token(1)


@pytest.fixture
async def stand_ins(tmp_path: Path) -> Any:
    """The module, and the stand-ins of a rehearsal."""
    module = sys.modules["rehearse"]
    async with module.rehearsal(tmp_path, module.Settings()) as scene:
        yield module, scene


async def rehearsed(root: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(root / "examples/rehearse.py"), *arguments), cwd=root, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_dead_delivery_is_shown_and_is_a_failure(root: Path, tmp_path: Path) -> None:
    message = json.loads((root / "receiver/simulators/data/notifications/ORDER_CHANGE.json").read_text())
    message["Payload"]["OrderChangeNotification"]["AmazonOrderId"] = "903-8868176-0000000"
    path = tmp_path / "message.json"
    path.write_text(json.dumps(message))
    code, out, _err = await rehearsed(root, "examples/order-to-erp/rules.toml", str(path))
    assert code == 1
    assert "pushed    message.json: 200 accepted" in out
    assert "delivery  orders -> order: dead, orders.2026-01-01.getOrder answered 404: NotFound" in out
    assert "called    orders.2026-01-01.getOrder: 404" in out
    assert "arrived" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["examples/order-to-erp/rules.toml"], "usage: python "),
        (["nothing.toml", "message.json"], "nothing.toml: cannot be read"),
        (["README.md", "README.md"], "README.md:3:8: invalid TOML"),
        (["examples/repricer-feed/rules.toml", "nothing.json"], "nothing.json'"),
    ],
)
async def test_what_cannot_be_rehearsed_is_said_in_a_line(root: Path, arguments: list[str], said: str) -> None:
    code, _out, err = await rehearsed(root, *arguments)
    assert code == 1
    assert said in err
    assert "Traceback" not in err


async def test_what_is_wrong_with_a_rules_file_is_said_as_check_does(root: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(OWN_RULES.replace('type = "forward"', 'type = "foward"'))
    code, _out, err = await rehearsed(root, str(rules), "receiver/simulators/data/notifications/ORDER_CHANGE.json")
    assert code == 1
    assert "did you mean 'forward'" in err
