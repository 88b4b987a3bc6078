"""A stand-in for Amazon on a real socket, and a client that calls it."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from handlers.settings import Secret
from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.buckets import Buckets
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.client import SpapiClient
from handlers.spapi.lwa import Credentials, LwaClient
from handlers.spapi.regions import Endpoints
from handlers.spapi.tokenstore import MemoryTokenStore
from handlers.spapi.vault import Vault

Reply = tuple[int, Any, dict[str, str]]
SECRETS = {"client-secret-value", "refresh-one", "refresh-two", "refresh-new"}


@dataclass
class Clock:
    """Time as a test sets it; sleeping moves it."""

    now: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class FakeAmazon:
    """LWA and SP-API as far as a test needs them: `answer` decides on each call, `lwa_answers` on each token."""

    url: str = ""
    calls: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    issued: int = 0
    grants: Counter[str] = field(default_factory=Counter)
    forms: list[dict[str, str]] = field(default_factory=list)
    lwa_answers: list[Reply] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    answer: Callable[[web.Request, bytes], Reply | None] = lambda _request, _body: None

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.grants[form["grant_type"]] += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.lwa_answers:
            status, body, headers = self.lwa_answers.pop(0)
            return web.json_response(body, status=status, headers=headers)
        return web.json_response(
            {"access_token": self.issue(), "token_type": "bearer", "expires_in": 3600} | self.extra
        )

    def issue(self) -> str:
        self.issued += 1
        token = f"Atza|{self.issued}"
        self.tokens.add(token)
        return token

    async def call(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.calls.append(request)
        self.bodies.append(body)
        headers = {"x-amzn-RequestId": f"request-{len(self.calls)}"}
        reply = self.answer(request, body)
        if reply is None and request.headers.get("x-amz-access-token") not in self.tokens:
            error = {
                "code": "Unauthorized",
                "message": "Access to requested resource is denied.",
                "details": "The access token you provided has expired.",
            }
            return web.json_response({"errors": [error]}, status=403, headers=headers)
        status, answer, extra = reply or (200, {"payload": {"n": len(self.calls)}}, {})
        if isinstance(answer, bytes):
            return web.Response(body=answer, status=status, headers=headers | extra)
        return web.json_response(answer, status=status, headers=headers | extra)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def amazon() -> AsyncIterator[FakeAmazon]:
    fake = FakeAmazon()
    app = web.Application()
    app.router.add_post("/auth/o2/token", fake.token)
    app.router.add_route("*", "/{tail:.*}", fake.call)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def secret(tmp_path: Path) -> Callable[[str], Secret]:
    """Makes a secret of a value, kept in a file."""
    count = 0

    def make(value: str) -> Secret:
        nonlocal count
        count += 1
        path = tmp_path / f"secret-{count}"
        path.write_text(value)
        return Secret("file", str(path))

    return make


@pytest.fixture
def store() -> MemoryTokenStore:
    return MemoryTokenStore()


@pytest.fixture
def accounts(store: MemoryTokenStore, secret: Callable[[str], Secret], clock: Clock) -> Accounts:
    configured = [
        Account("A1SELLER", "na", (), secret("refresh-one")),
        Account("A2SELLER", "eu", ("A1PA6795UKMFR9",), secret("refresh-two")),
    ]
    return Accounts(store, Vault(bytes(32)), configured, clock=clock, who="tests")


@pytest.fixture
async def lwa(
    amazon: FakeAmazon, http: httpx.AsyncClient, accounts: Accounts, secret: Callable[[str], Secret], clock: Clock
) -> AsyncIterator[LwaClient]:
    credentials = Credentials(secret("client-id-value"), secret("client-secret-value"))
    endpoint = f"{amazon.url}/auth/o2/token"
    client = LwaClient(http, credentials, accounts, endpoint=endpoint, clock=clock, log=logging.getLogger("tests"))
    yield client
    await client.close()


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture
async def client(
    amazon: FakeAmazon,
    http: httpx.AsyncClient,
    accounts: Accounts,
    lwa: LwaClient,
    catalogue: Catalogue,
    clock: Clock,
) -> AsyncIterator[SpapiClient]:
    buckets = Buckets(clock, clock.sleep, lambda: 0.0)
    endpoints = Endpoints(overrides=dict.fromkeys(("na", "eu", "fe"), amazon.url))
    made = SpapiClient(catalogue, lwa, accounts, buckets, http, endpoints, clock)
    yield made
    await made.close()
