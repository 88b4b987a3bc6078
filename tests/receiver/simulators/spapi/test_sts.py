"""Signed calls: the stand-in lends keys, and refuses what is not signed with them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from handlers.spapi.errors import SpapiError
from handlers.spapi.signature import AwsKeys, SigningError, signed
from receiver.config import load
from receiver.simulators.spapi import Settings, SimulatedSpapi
from receiver.simulators.spapi.settings import AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
from receiver.spapi import connect, required

ROLE = "arn:aws:iam::123456789012:role/spapi"


class Clock:
    """Time as a test sets it, from the real one on: botocore signs by that."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        import time

        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def amazon(clock: Clock) -> AsyncIterator[SimulatedSpapi]:
    async with SimulatedSpapi(Settings(), clock=clock) as simulated:
        yield simulated


def rules(path: Path, amazon: SimulatedSpapi, secret: str = AWS_SECRET_ACCESS_KEY, aws: str = "") -> Any:
    for name, value in (
        ("id", amazon.settings.client_id),
        ("secret", amazon.settings.client_secret),
        ("token", amazon.settings.refresh_token(1)),
        ("key", secret),
        ("key-id", AWS_ACCESS_KEY_ID),
    ):
        (path / name).write_text(value)
    file = path / "rules.toml"
    file.write_text(
        '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:t"]\n[spapi]\nclient_id = { file = "id" }\n'
        'client_secret = { file = "secret" }\nsign = "sigv4"\n'
        f'endpoints = {{ lwa = "{amazon.lwa_url}", na = "{amazon.url}" }}\n'
        '[spapi.aws]\naccess_key_id = { file = "key-id" }\nsecret_access_key = { file = "key" }\n'
        f'{aws}\n[[spapi.accounts]]\nseller_id = "A0001SIMULATED"\nregion = "na"\n'
        'refresh_token = { file = "token" }\n'
        '[handlers.log]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n'
    )
    return required(load(file).spapi, file)


async def orders(settings: Any) -> Any:
    async with connect(settings, "tests") as client:
        await client.call("orders.getOrder", orderId="123-1234567-1234567", includedData=["BUYER", "PROCEEDS"])
        response = await client.call(
            "listings.getListingsItem", sellerId="A0001SIMULATED", sku="SKU-0001", marketplaceIds=["ATVPDKIKX0DER"]
        )
    return response.status


async def test_calls_signed_with_keys_that_do_not_end(amazon: SimulatedSpapi, tmp_path: Path) -> None:
    assert await orders(rules(tmp_path, amazon)) == 200
    assert amazon.grants["assume_role", 200] == 0


async def test_calls_signed_with_a_role_that_is_assumed_once(amazon: SimulatedSpapi, tmp_path: Path) -> None:
    settings = rules(tmp_path, amazon, aws=f'role_arn = "{ROLE}"\nsts = "{amazon.sts_url}"')
    assert await orders(settings) == 200
    assert amazon.grants["assume_role", 200] == 1


async def test_a_wrong_secret_is_refused_by_sp_api_and_by_sts(amazon: SimulatedSpapi, tmp_path: Path) -> None:
    with pytest.raises(SpapiError, match="403: InvalidSignature: The request signature we calculated does not match"):
        await orders(rules(tmp_path, amazon, secret="wrong"))
    with pytest.raises(SigningError, match=r"STS answered 403 .*SignatureDoesNotMatch.*trust policy"):
        await orders(rules(tmp_path, amazon, "wrong", f'role_arn = "{ROLE}"\nsts = "{amazon.sts_url}"'))


async def test_lent_keys_end_and_belong_to_their_token(amazon: SimulatedSpapi, clock: Clock) -> None:
    own = AwsKeys(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
    form = f"Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=s&DurationSeconds=200".encode()
    headers = signed(own, "POST", amazon.sts_url, {}, form, ("us-east-1", "sts"))
    async with httpx.AsyncClient() as http:
        answer = (await http.post(amazon.sts_url, content=form, headers=headers)).text
        key, secret, token = (
            answer.split(f"<{name}>")[1].split("<")[0] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
        )
        url = f"{amazon.url}/sellers/v1/marketplaceParticipations"

        async def said(keys: AwsKeys) -> str:
            made = signed(keys, "GET", url, {}, b"", ("us-east-1", "execute-api"))
            return (await http.get(url, headers=made)).text

        assert "Access token is missing" in await said(AwsKeys(key, secret, token))
        assert "security token" in await said(AwsKeys(key, secret, "another"))
        assert "security token" in await said(AwsKeys(key, secret))
        clock.ahead = 250.0
        assert "security token" in await said(AwsKeys(key, secret, token))
        clock.ahead = 400.0
        assert "Signature expired" in await said(own)


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [(b"Action=GetCallerIdentity", 400, "InvalidAction"), (b"Action=AssumeRole&RoleArn=x", 400, "ValidationError")],
)
async def test_what_sts_does_not_take(amazon: SimulatedSpapi, form: bytes, status: int, code: str) -> None:
    keys = AwsKeys(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
    async with httpx.AsyncClient() as http:
        headers = signed(keys, "POST", amazon.sts_url, {}, form, ("us-east-1", "sts"))
        answer = await http.post(amazon.sts_url, content=form, headers=headers)
        unsigned = await http.post(amazon.sts_url, content=form)
    assert (answer.status_code, code in answer.text) == (status, True)
    assert (unsigned.status_code, "malformed" in unsigned.text) == (403, True)
