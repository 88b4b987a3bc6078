import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from handlers.base import Delivery, Done, Retry

Deliver = Callable[..., Delivery]


class TokenServer:
    """An OAuth token endpoint whose answers a test chooses."""

    def __init__(self, sink: Any) -> None:
        self.sink = sink
        self.answer: dict[str, Any] | bytes | None = None
        self.status = 200
        self.location = ""
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        sink.answer = self.take

    async def take(self, _request: web.Request) -> web.Response:
        self.asked.set()
        await self.open.wait()
        headers = {"Location": self.location} if self.location else None
        if isinstance(self.answer, bytes):
            return web.Response(status=self.status, body=self.answer, headers=headers)
        count = len(self.sink.arrivals)
        return web.json_response(
            self.answer or {"access_token": f"t{count}", "token_type": "bearer", "expires_in": 3600}, status=self.status
        )


@pytest.fixture
async def tokens(serve: Any, monkeypatch: pytest.MonkeyPatch) -> TokenServer:
    monkeypatch.setenv("CLIENT_SECRET", "s:e/c r%t")
    return TokenServer(await serve())


def oauth(tokens: TokenServer, **keys: Any) -> dict[str, Any]:
    secret = {"env": "CLIENT_SECRET"}
    return {"type": "oauth2", "token_url": tokens.sink.url("/t"), "client_id": "i d", "client_secret": secret} | keys


def sent(sink: Any) -> list[str]:
    return [arrival.headers["Authorization"] for arrival in sink.arrivals]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


async def test_basic(sink: Any, make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "pä:ss")
    auth = {"type": "basic", "username": "erp", "password": {"env": "PASSWORD"}}
    handler = await make("forward", url=sink.url(), auth=auth, allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)
    assert sent(sink) == ["Basic " + base64.b64encode("erp:pä:ss".encode()).decode()]


async def test_a_bearer_token_is_taken_anew_when_it_changes(
    sink: Any, make: Any, delivery: Deliver, clock: Any, tmp_path: Path
) -> None:
    path = write(tmp_path / "token", "one\n")
    auth = {"type": "bearer", "token": {"file": str(path)}}
    handler = await make("forward", url=sink.url(), auth=auth, allow_private=True)
    await handler.handle(delivery())
    write(path, "two\n")
    clock.now += 3
    await handler.handle(delivery())
    assert sent(sink) == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("token", ["a b", "a\nX-Evil: 1", "ä"])
async def test_a_bearer_token_that_is_none(
    sink: Any, make: Any, delivery: Deliver, clock: Any, tmp_path: Path, token: str
) -> None:
    auth = {"type": "bearer", "token": {"file": str(write(tmp_path / "token", "good"))}}
    handler = await make("forward", url=sink.url(), auth=auth, allow_private=True)
    write(tmp_path / "token", token)
    clock.now += 3
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert "holds characters that no bearer token has" in outcome.reason
    assert sink.arrivals == []


async def test_a_401_of_a_fixed_secret_is_not_sent_again_at_once(
    sink: Any, make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t")
    sink.answer = refusing("Bearer t")
    auth = {"type": "bearer", "token": {"env": "TOKEN"}}
    outcome = await (await make("forward", url=sink.url(), auth=auth, allow_private=True)).handle(delivery())
    assert isinstance(outcome, Retry)
    assert (outcome.status, len(sink.arrivals)) == (401, 1)


def refusing(*headers: str) -> Callable[[web.Request], Any]:
    """Answers 401 to these Authorization headers."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=401 if request.headers["Authorization"] in headers else 200)

    return answer


async def test_oauth_asks_for_a_token_by_the_book(sink: Any, make: Any, delivery: Deliver, tokens: TokenServer) -> None:
    auth = oauth(tokens, scope="orders write", parameters={"audience": "https://erp"})
    handler = await make("forward", url=sink.url(), auth=auth, allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)
    asked = tokens.sink.only
    assert (asked.method, asked.path) == ("POST", "/t")
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")) == b"i+d:s%3Ae%2Fc+r%25t"
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert form == {"grant_type": "client_credentials", "scope": "orders write", "audience": "https://erp"}
    assert sent(sink) == ["Bearer t1"]


async def test_oauth_may_send_its_credentials_in_the_body(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer
) -> None:
    auth = oauth(tokens, client_auth="body", client_id={"env": "CLIENT_SECRET"})
    handler = await make("forward", url=sink.url(), auth=auth, allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)
    asked = tokens.sink.only
    assert "Authorization" not in asked.headers
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert form == {
        "grant_type": "client_credentials", "client_id": "s:e/c r%t", "client_secret": "s:e/c r%t",
    }  # fmt: skip


async def test_oauth_shares_one_token_until_it_ends(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer, clock: Any
) -> None:
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    tokens.open.clear()
    waiting = [asyncio.create_task(handler.handle(delivery())) for _ in range(20)]
    await tokens.asked.wait()
    tokens.open.set()
    assert all(isinstance(outcome, Done) for outcome in await asyncio.gather(*waiting))
    clock.now += 3569
    await handler.handle(delivery())
    assert (set(sent(sink)), len(tokens.sink.arrivals)) == ({"Bearer t1"}, 1)
    clock.now += 2
    await handler.handle(delivery())
    assert sent(sink)[-1] == "Bearer t2"


async def test_a_refused_token_is_replaced_once(sink: Any, make: Any, delivery: Deliver, tokens: TokenServer) -> None:
    sink.answer = refusing("Bearer t1")
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)
    assert sent(sink) == ["Bearer t1", "Bearer t2"]
    assert sink.arrivals[0].body == sink.arrivals[1].body


async def test_a_refused_token_is_replaced_even_where_401_is_permanent(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer
) -> None:
    sink.answer = refusing("Bearer t1")
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), permanent=[401], allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)


async def test_a_destination_that_refuses_every_token_is_not_hammered(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer
) -> None:
    sink.answer = refusing("Bearer t1", "Bearer t2")
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert (outcome.status, len(sink.arrivals), len(tokens.sink.arrivals)) == (401, 2, 2)


async def test_many_refusals_of_one_token_fetch_one_other(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer
) -> None:
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    await handler.handle(delivery())
    sink.answer = refusing("Bearer t1")
    outcomes = await asyncio.gather(*(handler.handle(delivery()) for _ in range(10)))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(tokens.sink.arrivals) == 2


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (
            401,
            {"error": "invalid_client", "error_description": "no\nsuch client"},
            "401: invalid_client: no such client",
        ),
        (500, b"<html>", "no token: status 500"),
        (200, b"", "no token: status 200"),
        (200, {"access_token": 7}, "no token"),
        (200, {"access_token": "a\nb"}, "no token"),
        (200, {"access_token": "a", "token_type": "mac"}, "the token is of type 'mac'"),
        (200, b"x" * 100_000, "no token"),
    ],
)
async def test_no_token_is_a_failure_that_says_why(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer, status: int, answer: Any, words: str
) -> None:
    tokens.status, tokens.answer = status, answer
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("token_url: ")
    assert words in outcome.reason
    assert sink.arrivals == []
    tokens.status, tokens.answer = 200, None
    assert isinstance(await handler.handle(delivery()), Done)


async def test_a_token_endpoint_that_redirects_is_not_followed(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer
) -> None:
    tokens.status, tokens.location, tokens.answer = 307, sink.url("/stolen"), b""
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert "no token: status 307" in outcome.reason
    assert sink.arrivals == []


@pytest.mark.parametrize("lifetime", [{}, {"expires_in": None}, {"expires_in": "300"}, {"expires_in": "soon"}])
async def test_a_token_without_a_plain_lifetime_is_kept_for_minutes(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer, clock: Any, lifetime: dict[str, Any]
) -> None:
    tokens.answer = {"access_token": "t"} | lifetime
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    for wait in (0, 269, 2):
        clock.now += wait
        await handler.handle(delivery())
    assert len(tokens.sink.arrivals) == 2


async def test_one_cancelled_delivery_does_not_take_the_token_from_the_others(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer
) -> None:
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    tokens.open.clear()
    first, second = (asyncio.create_task(handler.handle(delivery())) for _ in range(2))
    await tokens.asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    tokens.open.set()
    assert isinstance(await second, Done)
    assert len(tokens.sink.arrivals) == 1


async def test_closing_ends_a_fetch(sink: Any, make: Any, delivery: Deliver, tokens: TokenServer) -> None:
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    tokens.open.clear()
    attempt = asyncio.create_task(handler.handle(delivery()))
    await tokens.asked.wait()
    await handler.close()
    assert await attempt == Retry("token_url: the handler was closed while it waited for a token")
    tokens.open.set()


async def test_a_token_endpoint_that_is_down(sink: Any, make: Any, delivery: Deliver, tokens: TokenServer) -> None:
    auth = oauth(tokens, token_url="http://127.0.0.1:1/t")
    handler = await make("forward", url=sink.url(), auth=auth, allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("token_url: cannot connect to 127.0.0.1:1")


async def test_a_client_secret_that_is_lost(
    sink: Any, make: Any, delivery: Deliver, tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = await make("forward", url=sink.url(), auth=oauth(tokens), allow_private=True)
    monkeypatch.delenv("CLIENT_SECRET")
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert "environment variable CLIENT_SECRET is not set" in outcome.reason
