"""What an observer is told of calls and tokens."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from handlers.settings import Secret, SecretError
from handlers.spapi.accounts import Accounts
from handlers.spapi.buckets import Buckets
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.client import SpapiClient
from handlers.spapi.errors import LwaError, SpapiError, Unreachable
from handlers.spapi.lwa import Credentials, LwaClient
from handlers.spapi.regions import Endpoints

OPERATION = "orders.v0.getOrder"


class Seen:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.tokens: list[tuple[str, str]] = []

    def spapi_called(self, operation: str, status: str, seconds: float, request_id: str) -> None:
        assert seconds >= 0
        self.calls.append((operation, status, request_id))

    def token_requested(self, grant: str, outcome: str) -> None:
        self.tokens.append((grant, outcome))

    def report_seen(self, handler: str, report: str, state: str) -> None:
        raise AssertionError("no report is asked for")


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def observed(
    amazon: Any, http: httpx.AsyncClient, accounts: Accounts, secret: Any, clock: Any, seen: Seen
) -> AsyncIterator[LwaClient]:
    credentials = Credentials(secret("client-id-value"), secret("client-secret-value"))
    log, endpoint = logging.getLogger("tests"), f"{amazon.url}/auth/o2/token"
    lwa = LwaClient(http, credentials, accounts, endpoint=endpoint, clock=clock, log=log, observer=seen)
    yield lwa
    await lwa.close()


@pytest.fixture
async def calling(
    amazon: Any,
    http: httpx.AsyncClient,
    accounts: Accounts,
    observed: LwaClient,
    catalogue: Catalogue,
    clock: Any,
    seen: Seen,
) -> AsyncIterator[SpapiClient]:
    endpoints = Endpoints(overrides=dict.fromkeys(("na", "eu", "fe"), amazon.url))
    buckets = Buckets(clock, clock.sleep, lambda: 0.0)
    client = SpapiClient(catalogue, observed, accounts, buckets, http, endpoints, clock, observer=seen)
    yield client
    await client.close()


async def get(client: SpapiClient) -> Any:
    return await client.call(OPERATION, account="A1SELLER", orderId="1")


async def test_each_call_is_told_with_its_status_and_request_id(calling: SpapiClient, amazon: Any, seen: Seen) -> None:
    await get(calling)
    amazon.answer = lambda _request, _body: (404, {"errors": [{"code": "NotFound", "message": "no"}]}, {})
    with pytest.raises(SpapiError):
        await get(calling)
    assert seen.calls == [(OPERATION, "200", "request-1"), (OPERATION, "404", "request-2")]
    assert seen.tokens == [("refresh_token", "ok")]


async def test_a_token_that_has_ended_makes_two_calls(calling: SpapiClient, amazon: Any, seen: Seen) -> None:
    await get(calling)
    amazon.tokens.clear()
    await get(calling)
    assert [status for _, status, _ in seen.calls] == ["200", "403", "200"]
    assert seen.tokens == [("refresh_token", "ok")] * 2


async def test_who_cannot_be_reached_is_told_too(calling: SpapiClient, seen: Seen, monkeypatch: Any) -> None:
    await get(calling)
    endpoints = Endpoints(overrides=dict.fromkeys(("na", "eu", "fe"), "http://127.0.0.1:9"))
    monkeypatch.setattr(calling, "_endpoints", endpoints)
    with pytest.raises(Unreachable):
        await get(calling)
    assert seen.calls[1:] == [(OPERATION, "unreachable", "")]


async def test_a_call_that_is_cut_off_is_told(calling: SpapiClient, seen: Seen, monkeypatch: Any) -> None:
    async def never(*_arguments: Any) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(calling, "_send", never)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await get(calling)
    assert seen.calls == [(OPERATION, "cancelled", "")]


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, {"error": "invalid_grant"}, "invalid_grant"),
        (401, {"error": "invalid_client"}, "invalid_client"),
        (500, {"error": "thought up by somebody"}, "refused"),
        (200, {}, "refused"),
    ],
)
async def test_refused_tokens_are_told_by_the_codes_of_oauth(
    observed: LwaClient, accounts: Accounts, amazon: Any, seen: Seen, status: int, body: Any, outcome: str
) -> None:
    amazon.lwa_answers = [(status, body, {})]
    with pytest.raises(LwaError):
        await observed.access_token(await accounts.choose("A1SELLER"))
    assert seen.tokens == [("refresh_token", outcome)]


async def test_a_secret_that_cannot_be_read_is_no_answer_of_amazons(
    observed: LwaClient, accounts: Accounts, seen: Seen, monkeypatch: Any
) -> None:
    missing = Credentials(Secret("env", "NO_SUCH_ID"), Secret("env", "NO_SUCH_SECRET"))
    monkeypatch.setattr(observed, "_credentials", missing)
    with pytest.raises(SecretError):
        await observed.grantless("sellingpartnerapi::notifications")
    with pytest.raises(SecretError):
        await observed.access_token(await accounts.choose("A1SELLER"))
    assert seen.tokens == [("client_credentials", "unsent"), ("refresh_token", "unsent")]


async def test_login_that_cannot_be_reached_is_told(observed: LwaClient, seen: Seen, monkeypatch: Any) -> None:
    monkeypatch.setattr(observed, "_endpoint", "http://127.0.0.1:9/")
    with pytest.raises(Unreachable):
        await observed.grantless("sellingpartnerapi::notifications")
    assert seen.tokens == [("client_credentials", "unreachable")]
