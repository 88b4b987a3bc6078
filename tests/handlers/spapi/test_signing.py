"""Signed calls as Amazon would check them, and keys that STS lends."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import botocore.auth
import httpx
import pytest
from aiohttp import web

from handlers.settings import Secret, SecretError
from handlers.spapi.aws_credentials import AwsCredentials, Signing
from handlers.spapi.errors import SpapiError, Unreachable
from handlers.spapi.service import Account, Application, Credentials, Endpoints, MemoryTokenStore, SpapiClient, connect
from handlers.spapi.signature import AwsKeys, SigningError, signed

ROLE = "arn:aws:iam::123456789012:role/sp-api"
ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>lent/+{number}</SecretAccessKey>
<SessionToken>token{number}==</SessionToken><Expiration>{ends}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class FakeSts:
    """STS that lends keys for an hour, or answers as `broken` says."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.url = ""
        self.forms: list[dict[str, list[str]]] = []
        self.requests: list[web.Request] = []
        self.broken: Callable[[], web.Response] | None = None
        self._clock = clock

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.forms.append(parse_qs((await request.read()).decode()))
        if self.broken is not None:
            return self.broken()
        ends = datetime.fromtimestamp(self._clock(), UTC) + timedelta(hours=1)
        return web.Response(text=ANSWER.format(number=len(self.forms), ends=ends.strftime("%Y-%m-%dT%H:%M:%SZ")))


@pytest.fixture
async def sts(clock: Any) -> AsyncIterator[FakeSts]:
    fake = FakeSts(clock)
    app = web.Application()
    app.router.add_post("/", fake.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield fake
    await runner.cleanup()


@pytest.fixture
def signing(secret: Callable[[str], Secret], sts: FakeSts) -> Callable[..., Signing]:
    def make(role: str | None = ROLE) -> Signing:
        return Signing(secret("AKIDEXAMPLE"), secret("own-secret"), None, role, sts.url)

    return make


@pytest.fixture
async def lent(signing: Callable[..., Signing], http: httpx.AsyncClient, clock: Any) -> AsyncIterator[AwsCredentials]:
    credentials = AwsCredentials(signing(), http, clock)
    yield credentials
    await credentials.close()


async def test_a_role_is_assumed_once_and_again_before_its_keys_end(
    lent: AwsCredentials, sts: FakeSts, clock: Any
) -> None:
    burst = await asyncio.gather(*(lent.keys("eu-west-1") for _ in range(20)))
    assert set(burst) == {AwsKeys("ASIA1", "lent/+1", "token1==")}
    assert sts.forms == [
        {
            "Action": ["AssumeRole"],
            "Version": ["2011-06-15"],
            "RoleArn": [ROLE],
            "RoleSessionName": ["spapi-router"],
            "DurationSeconds": ["3600"],
        }
    ]
    assert "/eu-west-1/sts/aws4_request" in sts.requests[0].headers["Authorization"]
    clock.now += 3299
    assert (await lent.keys("eu-west-1")).access_key_id == "ASIA1"
    clock.now += 2
    assert (await lent.keys("eu-west-1")).access_key_id == "ASIA2"


async def test_keys_are_used_to_their_end_while_sts_is_away(lent: AwsCredentials, sts: FakeSts, clock: Any) -> None:
    await lent.keys("eu-west-1")
    sts.broken = lambda: web.Response(status=503)
    clock.now += 3400
    assert (await lent.keys("eu-west-1")).access_key_id == "ASIA1"
    clock.now += 200
    with pytest.raises(Unreachable, match="STS answered 503"):
        await lent.keys("eu-west-1")


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (403, "<Error><Code>AccessDenied</Code><Message>not &lt;you&gt;</Message></Error>", "AccessDenied: not <you>;"),
        (400, "", f"to assuming {ROLE}: no reason given; check the keys"),
        (200, "<a/>", "without AccessKeyId: check `aws.sts`"),
        (200, ANSWER.format(number=1, ends="soon"), "Expiration that is no time"),
    ],
)
async def test_what_sts_refuses(lent: AwsCredentials, sts: FakeSts, status: int, text: str, said: str) -> None:
    now = datetime.fromtimestamp(1_800_000_000, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    sts.broken = lambda: web.Response(status=status, text=text, headers={"Date": now})
    with pytest.raises(SigningError) as raised:
        await lent.keys("eu-west-1")
    assert said in str(raised.value)
    assert "own-secret" not in str(raised.value)


async def test_a_wrong_clock_is_what_sts_is_told_for(lent: AwsCredentials, sts: FakeSts) -> None:
    sts.broken = lambda: web.Response(status=403, headers={"Date": "Fri, 15 Jan 2027 07:00:00 GMT"})
    with pytest.raises(SigningError, match="clock is 60 minutes ahead of Amazon's"):
        await lent.keys("eu-west-1")


async def test_keys_of_the_environment(http: httpx.AsyncClient, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Signing(Secret("env", "AWS_ACCESS_KEY_ID"), Secret("env", "AWS_SECRET_ACCESS_KEY"))
    credentials = AwsCredentials(given, http, clock)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(SecretError, match="AWS_ACCESS_KEY_ID is not set"):
        await credentials.keys("eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "one")
    assert await credentials.keys("eu-west-1") == AwsKeys("AKID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "rotated")
    assert (await credentials.keys("eu-west-1")).secret_access_key == "rotated"


@pytest.fixture
async def client(
    amazon: Any, secret: Callable[[str], Secret], signing: Callable[..., Signing], clock: Any
) -> AsyncIterator[SpapiClient]:
    """A client as the daemon has it, which signs with keys of its own."""
    application = Application(
        Credentials(secret("client-id-value"), secret("client-secret-value")),
        (Account("A1SELLER", "eu", (), secret("refresh-one")),),
        Endpoints(lwa=f"{amazon.url}/auth/o2/token", overrides={"eu": amazon.url}),
        signing=signing(None),
    )
    async with connect(
        application, MemoryTokenStore(), who="tests", log=logging.getLogger("tests"), clock=clock
    ) as opened:
        yield opened


async def test_a_call_is_signed_as_it_goes_over_the_wire(
    client: SpapiClient, amazon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_args, **_keywords: moment)
    await client.call("listings.2021-08-01.getListingsItem", sellerId="A1SELLER", sku="a b/ü+", marketplaceIds="X")
    await client.call("createReport", body={"reportType": "R", "marketplaceIds": []})
    assert len(amazon.calls) == 2
    for seen, body in zip(amazon.calls, amazon.bodies, strict=True):
        authorization = seen.headers["Authorization"]
        assert "Credential=AKIDEXAMPLE/20260301/eu-west-1/execute-api/aws4_request" in authorization
        names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        assert {"host", "x-amz-access-token", "x-amz-date"} <= set(names)
        # What arrived, signed a second time, gives the signature that came with it.
        headers = {name: seen.headers[name] for name in names if name not in {"host", "x-amz-date"}}
        again = signed(
            AwsKeys("AKIDEXAMPLE", "own-secret"),
            seen.method,
            f"http://{seen.headers['Host']}{seen.raw_path}",
            headers,
            body,
            ("eu-west-1", "execute-api"),
        )
        assert again["Authorization"] == authorization


async def test_a_refusal_by_a_wrong_clock_is_named(client: SpapiClient, amazon: Any, clock: Any) -> None:
    error = {"errors": [{"code": "InvalidSignature", "message": "Signature expired", "details": ""}]}

    def answer(date: float) -> Callable[..., Any]:
        text = datetime.fromtimestamp(date, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return lambda _request, _body: (403, error, {"Date": text})

    amazon.answer = answer(clock.now + 600)
    with pytest.raises(SigningError, match="clock is 10 minutes behind Amazon's"):
        await client.call("getMarketplaceParticipations")
    amazon.answer = answer(clock.now)
    with pytest.raises(SpapiError, match="Signature expired"):
        await client.call("getMarketplaceParticipations")
