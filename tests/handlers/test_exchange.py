"""The short way of a small request against the session's own: nobody may be able to tell one from the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from handlers import forward
from handlers.base import Delivery, Done, Outcome, Retry
from handlers.exchange import LARGEST

Deliver = Callable[..., Delivery]

ANSWERS = {
    "a plain one": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: 7\r\n\r\nok",
    "in pieces": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nyes\r\n0\r\n\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nok",
    "of an old server": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "without a body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "announced": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n"
    b"Content-Length: 0\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
    "a refusal": b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 4\r\n\r\nlate",
    "packed unasked": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
    "too long": b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999,
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "with a header that never ends": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 20000,
    "nothing": b"",
    "broken off in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "broken off in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
}


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Says one thing to every request and hangs up; its port, and the requests. With None it waits to be left."""
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        requests.append(head + await reader.readexactly(length))
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], requests


async def both(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], Any]) -> tuple[Outcome, Outcome]:
    """What comes of the short way and of the session's."""
    short = await ask()
    monkeypatch.setattr(forward, "LARGEST", -1)
    return short, await ask()


def fields(request: bytes) -> tuple[bytes, set[bytes], bytes]:
    """A request as its line, its header fields in any order, and its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert len(set(headers)) == len(headers)
    return line, set(headers), body


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_requests_and_outcomes_are_those_of_the_session(
    make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    async with server(answer) as (port, requests):
        url = f"http://127.0.0.1:{port}/orders/{{seller_id}}?type={{type}}"
        headers = {"X-Type": "{type}", "Accept": "text/plain", "user-agent": "mine"}

        async def ask() -> Outcome:
            handler = await make("forward", url=url, headers=headers, max_answer="10KiB", allow_private=True)
            outcome: Outcome = await handler.handle(delivery())
            return outcome

        short, long = await both(monkeypatch, ask)
    assert short == long
    assert len(requests) == 2
    assert fields(requests[0]) == fields(requests[1])
    assert requests[0].startswith(b"POST /orders/A1?type=ORDER_CHANGE HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_a_server_that_says_nothing_is_left_after_the_read_timeout(
    make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(None) as (port, requests):
        handler = await make("forward", url=f"http://127.0.0.1:{port}", read_timeout="0.05s", allow_private=True)
        short, long = await both(monkeypatch, lambda: handler.handle(delivery()))
        async with asyncio.timeout(10):
            while len(requests) < 2:
                await asyncio.sleep(0.001)
    assert short == long == Retry("no answer within read_timeout")


async def test_a_host_that_cannot_be_reached_is_named(
    make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(b"") as (port, _):
        handler = await make("forward", url=f"http://localhost:{port}", allow_private=True)
    short, long = await both(monkeypatch, lambda: handler.handle(delivery()))
    assert short == long
    assert isinstance(short, Retry)
    assert short.reason.startswith(f"cannot connect to localhost:{port}: ")


async def test_a_connection_that_takes_too_long_is_named(
    make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        async def resolve(self, *_host: Any, **_family: Any) -> Any:
            await asyncio.Event().wait()

        async def close(self) -> None:
            """Nothing is open."""

    keys = {"url": "http://erp.example.com", "connect_timeout": "0.05s", "services": {"resolver": Slow()}}
    handler = await make("forward", **keys)
    short, long = await both(monkeypatch, lambda: handler.handle(delivery()))
    assert short == long == Retry("no connection within connect_timeout")


async def test_both_ways_share_their_connections(sink: Any, make: Any, delivery: Deliver) -> None:
    handler = await make("forward", url=sink.url(), allow_private=True, body="{payload.text}")
    for size in (1, LARGEST, LARGEST + 1, 4 * LARGEST, 1):
        outcome = await handler.handle(delivery({"payload": {"text": "x" * size}}))
        assert isinstance(outcome, Done)
    assert [len(arrival.body) for arrival in sink.arrivals] == [1, LARGEST, LARGEST + 1, 4 * LARGEST, 1]
    assert len({arrival.peer for arrival in sink.arrivals}) == 1


async def test_a_connection_that_the_server_closed_is_not_used_again(sink: Any, make: Any, delivery: Deliver) -> None:
    async def answer(_request: web.Request) -> web.Response:
        response = web.Response(text="bye")
        response.force_close()
        return response

    sink.answer = answer
    handler = await make("forward", url=sink.url(), allow_private=True)
    assert [type(await handler.handle(delivery())) for _ in range(3)] == [Done] * 3
    assert len({arrival.peer for arrival in sink.arrivals}) == 3
