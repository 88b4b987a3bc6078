"""Refusals before the parser: exactly whole pushes of connections on which nothing is under way, and nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from receiver.overload import Gate, GatedConnection, GatedServer
from receiver.responses import problem, raw

REFUSAL = raw(problem(503, "overload", "too many", 5))
PUSH = b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


class Stage:
    """A server behind a gate that the test opens and shuts."""

    def __init__(self, reading: Any) -> None:
        self.reading = reading
        self.shut = True
        self.refused = 0
        self.seen: list[bytes] = []
        self.held = asyncio.Event()
        self.held.set()
        self.gate = Gate(lambda _waiting: self.shut, self._count)
        self.port = 0
        self.text = "taken"
        self.connections: Callable[[], Sequence[Any]] = list

    def _count(self) -> None:
        self.refused += 1

    async def answer(self, request: web.BaseRequest) -> web.Response:
        protocol: Any = request.protocol
        assert isinstance(protocol, GatedConnection)
        protocol.begun()
        body = await request.read()
        await self.held.wait()
        self.seen.append(body)
        return web.Response(text=self.text)

    async def say(self, *parts: bytes, answers: int = 1) -> list[int]:
        """Send parts one after the other on one connection; the statuses of so many answers, 0 for its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await self.reading.write(writer, *parts)
        try:
            return [await status(reader) for _ in range(answers)]
        finally:
            writer.close()


async def status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head.split()[1])


@pytest.fixture
async def stage(reading: Any) -> AsyncIterator[Stage]:
    stage = Stage(reading)
    server = GatedServer(stage.answer, stage.gate, "/sns", REFUSAL, access_log=None, lingering_time=0)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    stage.connections = lambda: server.connections
    stage.port = listener.sockets[0].getsockname()[1]
    yield stage
    listener.close()
    await server.shutdown(1)


async def test_a_whole_push_is_refused_unread_and_its_connection_serves_on(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    for _ in range(3):
        writer.write(PUSH)
        assert await status(reader) == 503
    stage.shut = False
    writer.write(PUSH)
    assert await status(reader) == 200
    writer.close()
    assert (stage.refused, stage.seen) == (3, [b"body"])


async def test_a_refusal_is_a_whole_answer_of_http(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(PUSH)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 503 Service Unavailable\r\n")
    assert "Retry-After: 5\r\n" in head
    assert "Content-Type: application/problem+json" in head
    writer.close()


async def test_a_connection_that_asks_to_be_closed_is(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(PUSH.replace(b"Host: a", b"Host: a\r\nconnection: Close"))
    assert await status(reader) == 503
    assert await reader.read() == b""
    writer.close()


NOT_WHOLE = {
    "half a head": [PUSH[:20], PUSH[20:]],
    "half a body": [PUSH[:-2], PUSH[-2:]],
    "a push within a body": [b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(PUSH), PUSH],
    "two lengths": [PUSH.replace(b"Host: a", b"Host: a\r\nContent-Length: 4")],
    "chunks": [b"POST /sns HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"],
    "length and chunks": [PUSH.replace(b"Host: a", b"Transfer-Encoding: chunked")],
    "a blank before the colon": [PUSH.replace(b"Content-Length:", b"Content-Length :")],
    "a line feed alone": [PUSH.replace(b"Host: a", b"Host: a\nTransfer-Encoding: chunked")],
    "a folded field": [PUSH.replace(b"Host: a", b"Host: a\r\n Transfer-Encoding: chunked")],
    "a carriage return alone": [PUSH.replace(b"Host: a", b"Host: a\rTransfer-Encoding: chunked")],
    "no length": [b"POST /sns HTTP/1.1\r\nHost: a\r\n\r\n"],
    "another path": [PUSH.replace(b"/sns", b"/snss")],
    "another method": [b"GET /sns HTTP/1.1\r\nHost: a\r\n\r\n"],
    "an older version": [PUSH.replace(b"HTTP/1.1", b"HTTP/1.0")],
    "no HTTP": [b"\x16\x03\x01\x02\x00\x01\x00"],
}


@pytest.mark.parametrize("name", NOT_WHOLE)
async def test_all_else_is_left_to_the_parser(stage: Stage, name: str) -> None:
    """Answered at all, and not by the gate: what is a request is for the parser to tell."""
    (answer,) = await stage.say(*NOT_WHOLE[name])
    assert answer in {200, 400}
    assert stage.refused == 0


async def test_two_pushes_in_one_piece_are_left_to_the_parser(stage: Stage) -> None:
    assert await stage.say(PUSH + PUSH, answers=2) == [200, 200]
    assert stage.refused == 0


async def test_a_connection_that_the_parser_has_read_from_is_left_to_it(stage: Stage) -> None:
    """A push that lies in the body of another must not be answered: whoever shares the connection got its answer."""
    stage.shut = False
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(PUSH)
    assert await status(reader) == 200
    stage.shut = True
    writer.write(PUSH)
    assert await status(reader) == 200
    writer.close()
    assert stage.refused == 0


async def test_what_waits_is_counted_until_it_is_looked_at_or_gone(stage: Stage) -> None:
    stage.shut = False
    stage.held.clear()
    pairs = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(3)]
    for _, writer in pairs:
        writer.write(PUSH + PUSH)
    pairs[0][1].close()
    await asyncio.sleep(0.05)
    stage.held.set()
    for reader, writer in pairs[1:]:
        assert [await status(reader), await status(reader)] == [200, 200]
        writer.close()
    async with asyncio.timeout(5):
        while stage.gate.waiting:
            await asyncio.sleep(0.01)
    assert stage.gate.waiting == 0


HELD_BACK = {
    "half a head": [PUSH[:25]],
    "a head that says POST again and again": [b"POST /sns HTTP/1.1\r\n", *[b"POST: \r\n"] * 20],
    "a body of heads": [b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n", *[PUSH[:-4]] * 5],
}


@pytest.mark.parametrize("name", HELD_BACK)
async def test_what_a_sender_holds_back_does_not_fill_the_gate(stage: Stage, name: str) -> None:
    """Else a few connections that never end their requests could have everybody refused."""
    stage.shut = False
    _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    await stage.reading.write(writer, *HELD_BACK[name])
    assert stage.gate.waiting == 0
    writer.close()


@pytest.mark.parametrize("before", [b"", PUSH])
async def test_who_sends_a_head_without_an_end_is_hung_up_on(stage: Stage, before: bytes) -> None:
    """The parser keeps as much as a megabyte of it, and twice that in memory, of each connection for over a minute."""
    stage.shut = False
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    if before:
        writer.write(before)
        assert await status(reader) == 200
    writer.write(b"POST /sns HTTP/1.1\r\n")
    with suppress(ConnectionError):
        for number in range(100):
            writer.write(b"X-%d: %s\r\n" % (number, b"x" * 8000))
            await writer.drain()
            await asyncio.sleep(0.001)
    async with asyncio.timeout(10):
        while stage.connections():
            await asyncio.sleep(0.01)
    writer.close()


LONG = b"POST /sns HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %s\r\n" % (each, b"x" * 6000) for each in range(3))


@pytest.mark.parametrize("rest", [b"Content-Length: 9\r\n\r\n{", b"Content-Length: 0\r\n\r\n"])
async def test_who_sends_a_long_head_at_once_is_hung_up_on(stage: Stage, rest: bytes) -> None:
    """Thousands of them took gigabytes, for as long as a body may take."""
    stage.shut = False
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(LONG + rest)
    async with asyncio.timeout(10):
        with suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("ahead", [31, 32, 33, 100])
async def test_a_long_head_behind_many_requests_is_none_the_less(stage: Stage, ahead: int) -> None:
    """What came after 32 requests was kept back by the parser, and measured never."""
    stage.shut = False
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(b"GET /sns HTTP/1.1\r\nHost: a\r\n\r\n" * ahead + LONG + b"Content-Length: 9\r\n\r\n{")
    async with asyncio.timeout(10):
        with suppress(ConnectionError):
            while await reader.read(65536):
                pass
    writer.close()


@pytest.mark.parametrize("size", [4, 100, 3000, 20_000, 100_000, 200_000])
async def test_many_requests_at_once_are_no_long_head(stage: Stage, size: int) -> None:
    stage.shut = False
    push = b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    chunks = b"POST /sns HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    assert await stage.say((push + push + chunks) * 50, answers=150) == [200] * 150


async def test_many_short_heads_at_once_are_no_long_one(stage: Stage) -> None:
    stage.shut = False
    head = b"POST /sns HTTP/1.1\r\nHost: a\r\nX: %s\r\nContent-Length: 4\r\n\r\nbody" % (b"x" * 4000)
    assert await stage.say(head * 20, answers=20) == [200] * 20


async def test_requests_that_are_sent_ahead_wait_as_one(stage: Stage) -> None:
    """Forty connections with thirty requests each had every third push of others refused."""
    stage.shut = False
    stage.held.clear()
    pairs = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(3)]
    for _, writer in pairs:
        await stage.reading.write(writer, PUSH * 20)
    assert stage.gate.waiting == 3
    stage.held.set()
    for reader, writer in pairs:
        assert [await status(reader) for _ in range(20)] == [200] * 20
        writer.close()
    assert stage.gate.waiting == 0


async def test_a_body_is_no_head_however_slowly_it_comes(stage: Stage) -> None:
    stage.shut = False
    head = b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"
    assert await stage.say(head, *[b" " * 20_000] * 10) == [200]
    assert await stage.say(head, b" " * 1000, b" " * 199_000) == [200]
    chunked = b"POST /sns HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert await stage.say(chunked, *[b"4e20\r\n" + b" " * 20_000 + b"\r\n"] * 10, b"0\r\n\r\n") == [200]


async def unread(stage: Stage) -> socket.socket:
    """A connection whose sender asks on and on, and reads no answer, until nothing more can be sent to it."""
    sender = socket.socket()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    sender.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sender, ("127.0.0.1", stage.port))
    async with asyncio.timeout(30):
        while not any(each.writing_paused for each in stage.connections()):
            with suppress(BlockingIOError):
                sender.send(b"GET /sns HTTP/1.1\r\nHost: a\r\n\r\n" * 40)
            await asyncio.sleep(0.001)
    return sender


async def test_who_reads_no_answers_keeps_nobody_out_and_is_hung_up_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty-five such connections held the gate shut for as long as they liked."""
    monkeypatch.setattr("receiver.overload._UNREAD_FOR", 0.5)
    stage.shut, stage.text = False, "x" * 100_000
    sender = await unread(stage)
    assert stage.gate.waiting == 0
    with suppress(BlockingIOError):
        sender.send(b"GET /sns HTTP/1.1\r\nHost: a\r\n\r\n" * 40)
    await asyncio.sleep(0.1)
    assert stage.gate.waiting == 0
    async with asyncio.timeout(10):
        while stage.connections():
            await asyncio.sleep(0.01)
    assert stage.gate.waiting == 0
    sender.close()


async def partly_read(stage: Stage) -> tuple[socket.socket, GatedConnection]:
    """A connection whose sender does not read the last answers, which are too few to make it wait."""
    sender = socket.socket()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    await asyncio.to_thread(sender.connect, ("127.0.0.1", stage.port))
    async with asyncio.timeout(30):
        while not stage.connections():
            await asyncio.sleep(0.001)
        (connection,) = stage.connections()
        while not connection.transport.get_write_buffer_size():
            answered = len(stage.seen)
            sender.send(b"GET /sns HTTP/1.1\r\nHost: a\r\n\r\n")
            while len(stage.seen) == answered or not connection._waiter:
                await asyncio.sleep(0)
    assert not connection.writing_paused
    return sender, connection


async def test_who_is_hung_up_on_and_reads_nothing_keeps_nobody_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand such connections had all pushes refused, for as long as they stayed."""
    monkeypatch.setattr("receiver.overload._UNREAD_FOR", 0.5)
    stage.shut, stage.text = False, "x" * 1000
    sender, connection = await partly_read(stage)
    stage.held.clear()
    sender.send(PUSH)
    async with asyncio.timeout(10):
        while not connection._request_in_progress:
            await asyncio.sleep(0.001)
        sender.send(LONG + b"Content-Length: 0\r\n\r\n")
        while connection.transport is not None:
            await asyncio.sleep(0.001)
        assert stage.gate.waiting == 0
        while len(connection.crowd):
            await asyncio.sleep(0.01)
    stage.held.set()
    sender.close()


async def test_who_is_hung_up_on_and_reads_nothing_makes_room(stage: Stage) -> None:
    stage.shut, stage.text = False, "x" * 1000
    sender, connection = await partly_read(stage)
    connection.force_close()
    await asyncio.sleep(0.1)
    assert len(connection.crowd) == 1, "it is open until all has been read"
    connection.leave()
    async with asyncio.timeout(10):
        while len(connection.crowd):
            await asyncio.sleep(0.001)
    sender.close()


async def test_who_reads_no_answers_has_no_work_that_keeps_a_place(stage: Stage) -> None:
    stage.shut, stage.text = False, "x" * 100_000
    sender = await unread(stage)
    (connection,) = stage.connections()
    assert connection._request_in_progress
    assert not connection.has_work()
    sender.close()


async def test_who_reads_again_in_time_goes_on(stage: Stage) -> None:
    stage.shut, stage.text = False, "x" * 100_000
    sender = await unread(stage)
    (connection,) = stage.connections()
    async with asyncio.timeout(30):
        while connection.writing_paused:
            with suppress(BlockingIOError):
                sender.recv(1 << 20)
            await asyncio.sleep(0)
    assert connection.connected
    sender.close()
    async with asyncio.timeout(10):
        while stage.connections():
            await asyncio.sleep(0.01)
    assert stage.gate.waiting == 0


async def test_a_daemon_that_stops_refuses_nothing_here(stage: Stage) -> None:
    stage.gate.leave_to_others()
    assert await stage.say(PUSH) == [200]


def test_refusals_are_said_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(lambda _waiting: True, lambda: None)
    for _ in range(1000):
        gate.refuse()
    assert len([record for record in caplog.records if record.message == "overload"]) in {1, 2}
