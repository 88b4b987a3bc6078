"""`sign = "sigv4"` in a rules file: whose keys it signs with."""

import importlib.util
from pathlib import Path

import pytest
from aiohttp import web

from receiver.config import SpapiSettings, load
from receiver.errors import ConfigError
from receiver.spapi import connect, required

RULES = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api"]
[spapi]
client_id = {{ env = "LWA_CLIENT_ID" }}
client_secret = {{ env = "LWA_CLIENT_SECRET" }}
endpoints = {{ lwa = "{url}/token", na = "{url}" }}
sign = "sigv4"
{aws}
[[spapi.accounts]]
seller_id = "A0001SIMULATED"
region = "na"
refresh_token = {{ env = "REFRESH_TOKEN" }}
[handlers.log]
type = "log"
[[rules]]
name = "all"
handlers = ["log"]
"""


def settings(path: Path, aws: str, url: str = "http://127.0.0.1:1") -> SpapiSettings:
    rules = path / "rules.toml"
    rules.write_text(RULES.format(url=url, aws=aws))
    return required(load(rules).spapi, rules)


@pytest.mark.parametrize(
    ("aws", "extra", "key", "signed"),
    [
        ("", {}, "AKIDENV", "host;x-amz-access-token;x-amz-date"),
        ("", {"AWS_SESSION_TOKEN": "t"}, "AKIDENV", "x-amz-date;x-amz-security-token"),
        (
            '[spapi.aws]\naccess_key_id = { env = "ID" }\nsecret_access_key = { env = "KEY" }',
            {"AWS_SESSION_TOKEN": "t"},
            "AKIDOWN",
            "x-amz-access-token;x-amz-date,",
        ),
    ],
    ids=["environment", "environment-session", "given"],
)
async def test_whose_keys_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws: str, extra: dict[str, str], key: str, signed: str
) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response({"access_token": "Atza|1", "expires_in": 3600, "payload": []})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    environ = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s", "ID": "AKIDOWN", "KEY": "s"}
    lwa = {"LWA_CLIENT_ID": "c", "LWA_CLIENT_SECRET": "c", "REFRESH_TOKEN": "r"}
    for name, value in (environ | lwa | extra).items():
        monkeypatch.setenv(name, value)
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with connect(settings(tmp_path, aws, url), who="tests") as client:
            await client.call("getMarketplaceParticipations")
    finally:
        await runner.cleanup()
    token, call = seen
    assert token == ""
    assert f"Credential={key}/" in call
    assert "/us-east-1/execute-api/aws4_request" in call
    assert signed in call


@pytest.mark.parametrize(
    ("aws", "said"),
    [
        ('[spapi.aws]\naccess_key_id = { env = "ID" }', "access_key_id and secret_access_key belong together"),
        ('[spapi.aws]\nsession_token = { env = "T" }', "session_token belongs to keys"),
        ('[spapi.aws]\nrole_arn = "role"', "role_arn"),
        ('[spapi.aws]\nsecret_access_key = "literal"', "a secret is never written here"),
    ],
)
def test_what_check_refuses(tmp_path: Path, aws: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, aws)
    assert said in str(raised.value)
    assert "literal" not in str(raised.value)


def test_check_asks_for_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "botocore" else found(name))
    with pytest.raises(ConfigError, match=r"rules.toml:\d+: spapi.sign: sigv4 needs botocore: run pip install"):
        settings(tmp_path, "")
