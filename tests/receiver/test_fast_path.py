"""The short way of a push: whole requests of idle connections, answered in order, however the connection goes on."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage

from receiver.fast_path import FastConnection, FastServer
from receiver.inbox import NotificationFilter
from receiver.overload import Gate, GatedConnection
from receiver.simulators.sns import Push, SimulatedSns

PUSH = b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


class Stage:
    """A server whose short way is held by the test."""

    def __init__(self) -> None:
        self.short: list[tuple[bytes, FastConnection]] = []
        self.came = asyncio.Event()
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    def fits(self, message: RawRequestMessage, body: StreamReader) -> bool:
        return message.method == "POST" and body.is_eof()

    def take(self, message: RawRequestMessage, body: bytes, connection: FastConnection) -> None:
        self.short.append((body, connection))
        self.came.set()

    async def long(self, request: web.BaseRequest) -> web.Response:
        protocol: Any = request.protocol
        assert isinstance(protocol, GatedConnection)
        protocol.begun()
        return web.Response(text=f"long {(await request.read()).decode()}")

    async def held(self, count: int = 1) -> None:
        """Wait until so many pushes have gone the short way."""
        async with asyncio.timeout(10):
            while len(self.short) < count:
                self.came.clear()
                await self.came.wait()

    def reply(self, number: int = 0, last: bool = False) -> None:
        body, connection = self.short[number]
        text = b"short " + body
        connection.answer(ANSWER % (len(text), text), last)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def serve(stage: Stage) -> AsyncIterator[Callable[..., Awaitable[FastServer]]]:
    servers: list[tuple[asyncio.Server, FastServer]] = []

    async def start(**options: Any) -> FastServer:
        gate = Gate(lambda _waiting: False, lambda: None)
        server = FastServer(stage.long, stage, gate, "/sns", b"", access_log=None, lingering_time=0, **options)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        stage.port = listener.sockets[0].getsockname()[1]
        servers.append((listener, server))
        return server

    yield start
    for writer in stage.writers:
        writer.close()
    for listener, server in servers:
        listener.close()
        await server.shutdown(1)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> bytes:
        """The body of the next answer."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            return await self.reader.readexactly(int(length.partition(b":")[2]))

    async def ended(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


async def idle(server: FastServer) -> FastConnection:
    """The one connection, once its task waits for a request."""
    async with asyncio.timeout(10):
        while not (server.connections and server.connections[0]._waiter):
            await asyncio.sleep(0)
    connection = server.connections[0]
    assert isinstance(connection, FastConnection)
    return connection


async def idle_client(stage: Stage, server: FastServer) -> Client:
    """A client whose connection waits for its first request."""
    client = Client(*await asyncio.open_connection("127.0.0.1", stage.port))
    stage.writers.append(client.writer)
    await idle(server)
    return client


async def test_pushes_and_other_requests_take_turns_on_a_connection(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, server := await serve())
    for number in range(3):
        client.writer.write(PUSH + b"abcd")
        await stage.held(number + 1)
        stage.reply(number)
        assert await client.answer() == b"short abcd"
        client.writer.write(OTHER)
        assert await client.answer() == b"long "
    assert server.requests_count == 6


async def test_what_follows_a_push_waits_for_its_answer(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, await serve())
    client.writer.write(PUSH + b"one.")
    await stage.held()
    client.writer.write(PUSH + b"two." + OTHER)
    client.writer.write(PUSH[:20])
    await client.writer.drain()
    stage.reply()
    assert [await client.answer() for _ in range(3)] == [b"short one.", b"long two.", b"long "]
    client.writer.write(PUSH[20:] + b"rest")
    await stage.held(2)
    stage.reply(1)
    assert await client.answer() == b"short rest"


async def test_several_requests_at_once_and_half_ones_go_the_long_way(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, server := await serve())
    client.writer.write(PUSH + b"one." + PUSH + b"two.")
    assert [await client.answer() for _ in range(2)] == [b"long one.", b"long two."]
    await idle(server)
    client.writer.write(PUSH + b"ha")
    await client.writer.drain()
    connection = server.connections[0]
    async with asyncio.timeout(10):
        while connection._waiter is not None:
            await asyncio.sleep(0)
    client.writer.write(b"lf")
    assert await client.answer() == b"long half"
    assert stage.short == []


async def test_no_http_is_answered_as_ever(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, await serve())
    client.writer.write(b"NONSENSE\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await client.reader.readline()).startswith(b"HTTP/1.0 400")


async def test_a_sender_that_goes_away_is_answered_nothing(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, server := await serve())
    client.writer.write(PUSH + b"gone")
    await stage.held()
    client.writer.transport.abort()
    async with asyncio.timeout(10):
        while server.connections:
            await asyncio.sleep(0)
    stage.reply()
    await server.shutdown(5)


async def test_a_sender_that_goes_away_as_it_is_answered_gets_nothing_more_looked_at(
    stage: Stage, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = await idle_client(stage, server := await serve())
    client.writer.write(PUSH + b"gone")
    await stage.held()
    connection = stage.short[0][1]
    client.writer.write(OTHER)
    async with asyncio.timeout(10):
        while not connection._messages:
            await asyncio.sleep(0)
        assert connection.transport is not None
        connection.transport.abort()
        stage.reply()
        while server.connections:
            await asyncio.sleep(0)
    gc.collect()
    assert server.requests_count == 1
    assert caplog.records == []


async def test_the_last_answer_ends_the_connection(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, await serve())
    client.writer.write(PUSH + b"last")
    await stage.held()
    stage.reply(last=True)
    assert await client.answer() == b"short last"
    assert await client.ended()


@pytest.mark.parametrize("shutting_down", [False, True])
async def test_nothing_that_follows_the_last_answer_is_looked_at(stage: Stage, serve: Any, shutting_down: bool) -> None:
    client = await idle_client(stage, server := await serve())
    client.writer.write(PUSH + b"last")
    await stage.held()
    connection = stage.short[0][1]
    client.writer.write(PUSH + b"more" + OTHER)
    async with asyncio.timeout(10):
        while len(connection._messages) < 2:
            await asyncio.sleep(0)
    ending = asyncio.create_task(server.shutdown(20)) if shutting_down else None
    async with asyncio.timeout(10):
        while ending and connection._handler_waiter is None:
            await asyncio.sleep(0)
    stage.reply(last=not shutting_down)
    assert await client.answer() == b"short last"
    assert await client.ended()
    if ending:
        async with asyncio.timeout(10):
            await ending
    assert server.requests_count == 1


async def test_shutting_down_waits_for_the_push_in_hand(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, server := await serve())
    client.writer.write(PUSH + b"kept")
    await stage.held()
    server.pre_shutdown()
    ending = asyncio.create_task(server.shutdown(10))
    async with asyncio.timeout(10):
        while stage.short[0][1]._handler_waiter is None:
            await asyncio.sleep(0)
    stage.reply()
    assert await client.answer() == b"short kept"
    assert await client.ended()
    async with asyncio.timeout(5):
        await ending


async def test_shutting_down_does_not_wait_for_ever(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, server := await serve())
    client.writer.write(PUSH + b"hung")
    await stage.held()
    async with asyncio.timeout(10):
        await server.shutdown(0.05)
    assert await client.ended()
    stage.reply()


async def test_a_connection_is_idle_from_its_last_answer_on_and_not_while_a_push_is_in_hand(
    stage: Stage, serve: Any
) -> None:
    client = await idle_client(stage, server := await serve(keepalive_timeout=0.3))
    client.writer.write(PUSH + b"slow")
    await stage.held()
    connection = stage.short[0][1]
    async with asyncio.timeout(10):
        while connection._keepalive_handle is not None:  # aiohttp has looked, and found it busy
            await asyncio.sleep(0.01)
    stage.reply()
    assert await client.answer() == b"short slow"
    assert await client.ended()
    assert not server.connections


async def test_half_a_head_now_and_then_keeps_no_connection_open(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, server := await serve(keepalive_timeout=0.2))
    client.writer.write(b"POST /sns HTTP/1.1\r\nX: ")
    async with asyncio.timeout(10):
        while server.connections:
            client.writer.write(b"x")
            await asyncio.sleep(0.01)


async def test_a_sender_that_reads_no_answers_goes_the_long_way(stage: Stage, serve: Any) -> None:
    client = await idle_client(stage, server := await serve())
    connection = await idle(server)
    connection.pause_writing()
    client.writer.write(PUSH + b"deaf")
    async with asyncio.timeout(10):
        while not server.requests_count:
            await asyncio.sleep(0)
    assert stage.short == []
    connection.resume_writing()
    assert await client.answer() == b"long deaf"


RULES = '[handlers.log]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n'


def _head(address: str, push: Push) -> bytes:
    fields = [f"{name}: {value}" for name, value in push.headers.items() if name.lower() != "content-length"]
    lines = ["POST /sns HTTP/1.1", f"Host: {address}", f"Content-Length: {len(push.body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def said(address: str, reading: Any, *parts: bytes) -> tuple[list[str], bytes]:
    """What the daemon answers to a push that comes on an idle connection, whole or in pieces."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(20):
        writer.write(b"GET /sns HTTP/1.1\r\nHost: a\r\n\r\n")
        length = (await reader.readuntil(b"\r\n\r\n")).lower().partition(b"content-length: ")[2].split()[0]
        await reader.readexactly(int(length))
        await reading.write(writer, *parts)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = sorted(line for line in lines if line and not line.startswith("Date: "))
        assert len(fields) < len([line for line in lines if line])
        length = next(line for line in fields if line.lower().startswith("content-length:")).split()[1]
        answer = await reader.readexactly(int(length))
    writer.close()
    return fields, answer


@pytest.mark.parametrize("case", ["genuine", "forged", "nonsense", "stopping", "no memory"])
async def test_both_ways_give_the_same_answers(
    start_router: Any, write_rules: Any, sns: SimulatedSns, case: str, reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await start_router(write_rules(RULES))
    address = router.url.split("/")[2]
    ways = []
    shorts = 0
    take = router.parts.server.take

    def counted(*arguments: Any) -> None:
        nonlocal shorts
        shorts += 1
        take(*arguments)

    monkeypatch.setattr(router.parts.server, "take", counted)
    if case == "stopping":
        router.parts.ingest.stop()
    if case == "no memory":

        def submit(*_: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(router.parts.inbox, "submit", submit)
    for whole in (True, False):
        push = sns.messages().notification(f"whole: {whole}", subscription=f"{sns.topic}:1", sent_at=sns.clock())
        body = {"forged": push.body.replace(b"whole", b"wholE"), "nonsense": b"{"}.get(case, push.body)
        head = _head(address, Push(push.message_id, push.headers, body))
        ways.append(await said(address, reading, *([head + body] if whole else [head, body])))
    assert shorts == 1
    fields, answer = ways[0]
    assert ways[1][0] == fields
    status = {"genuine": "200", "forged": "403", "nonsense": "400"}.get(case, "503")
    assert any(line.startswith(f"HTTP/1.1 {status}") for line in fields)
    assert answer == ways[1][1] or case == "forged"
    if case == "genuine":
        assert len(await router.inbox.notifications(NotificationFilter())) == 2
    else:
        assert json.loads(answer)["status"] == int(status)


@pytest.mark.parametrize("whole", [True, False])
async def test_a_push_ends_also_where_nobody_can_be_told_why(
    start_router: Any, write_rules: Any, sns: SimulatedSns, whole: bool, reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await start_router(write_rules(RULES))
    address = router.url.split("/")[2]

    def failed(_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(router.parts.ingest._alarms, "failed", failed)
    push = sns.messages().notification("forged", subscription=f"{sns.topic}:1", sent_at=sns.clock())
    body = push.body.replace(b"forged", b"FORGED")
    head = _head(address, Push(push.message_id, push.headers, body))
    fields, answer = await said(address, reading, *([head + body] if whole else [head, body]))
    assert any(line.startswith("HTTP/1.1 503") for line in fields)
    assert json.loads(answer)["reason"] == "internal"
    assert router.parts.ingest.in_flight == 0
