import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from handlers.base import Delivery, Retry
from handlers.failures import describe

Deliver = Callable[..., Delivery]
Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def reason(make: Any, delivery: Deliver, behave: Behave, **keys: Any) -> str:
    """What a forward handler says of a server that behaves like this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    handler = await make("forward", url=f"http://127.0.0.1:{port}/", allow_private=True, **keys)
    try:
        outcome = await handler.handle(delivery())
    finally:
        server.close()
        await handler.close()
        await server.wait_closed()
    assert isinstance(outcome, Retry)
    return outcome.reason


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
    await writer.drain()


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await reader.read()


async def test_a_server_that_never_answers(make: Any, delivery: Deliver) -> None:
    assert await reason(make, delivery, silent, read_timeout="50ms") == "no answer within read_timeout"


async def test_a_server_that_stops_in_the_middle(make: Any, delivery: Deliver) -> None:
    assert await reason(make, delivery, stall, read_timeout="50ms") == "no answer within read_timeout"


async def test_a_server_that_hangs_up(make: Any, delivery: Deliver) -> None:
    assert await reason(make, delivery, hang_up) == "the server closed the connection without an answer"


async def test_a_server_that_does_not_speak_http(make: Any, delivery: Deliver) -> None:
    assert (await reason(make, delivery, babble)).startswith("the answer is not HTTP: ")


async def test_an_answer_that_breaks_off_is_no_success(make: Any, delivery: Deliver) -> None:
    assert await reason(make, delivery, break_off) == "the answer broke off before its end"


async def test_nobody_listens(make: Any, delivery: Deliver) -> None:
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    handler = await make("forward", url=f"http://127.0.0.1:{port}/", allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith(f"cannot connect to 127.0.0.1:{port}: ")
    assert outcome.reason.endswith(": Connection refused")


async def test_a_name_that_does_not_exist(make: Any, delivery: Deliver) -> None:
    class Nowhere(aiohttp.ThreadedResolver):
        async def resolve(self, host: str, *_: Any, **__: Any) -> list[Any]:
            raise OSError(None, "Name or service not known")

    handler = await make("forward", {"resolver": Nowhere()}, url="http://erp.example.com/")
    outcome = await handler.handle(delivery())
    assert outcome == Retry(
        "erp.example.com cannot be resolved: Name or service not known: check the name in url and this machine's DNS"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            aiohttp.ClientOSError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"),
            "certificate required: it may ask for a client certificate: set tls.certificate and tls.key",
        ),
        (aiohttp.ConnectionTimeoutError(), "no connection within connect_timeout"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection broke: Connection reset by peer"),
        (TimeoutError(), "timed out"),
        (aiohttp.InvalidURL("http://"), "InvalidURL"),
    ],
)
def test_other_failures_in_words(error: Exception, words: str) -> None:
    assert words in describe(error)
