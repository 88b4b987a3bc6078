"""More connections than there may be: the one that was silent for longest goes, whoever waits for an answer stays."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from receiver.crowd import Crowd, most_of
from receiver.overload import Gate, GatedConnection, GatedServer

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Stage:
    """A server with room for three connections, whose answers the test holds back."""

    def __init__(self) -> None:
        self.port = 0
        self.held = asyncio.Event()
        self.asked = 0
        self.crowd = Crowd(3)
        self._writers: list[asyncio.StreamWriter] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        protocol: Any = request.protocol
        assert isinstance(protocol, GatedConnection)
        protocol.begun()
        self.asked += 1
        await self.held.wait()
        return web.Response(text="ok")

    async def connect(self, *data: bytes) -> Pair:
        """Connect, and wait until the server knows of it and of the requests."""
        before, asked = len(self.crowd), self.asked
        pair = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(pair[1])
        pair[1].writelines(data)
        async with asyncio.timeout(10):
            while len(self.crowd) == before < self.crowd.most or self.asked < asked + data.count(GET):
                await asyncio.sleep(0.001)
        return pair

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    server = GatedServer(stage.answer, Gate(lambda _: False, lambda: None), "/sns", b"", access_log=None)
    server.crowd = stage.crowd
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    stage.port = listener.sockets[0].getsockname()[1]
    yield stage
    stage.held.set()
    stage.close()
    listener.close()
    await server.shutdown(1)


async def status(pair: Pair) -> bytes:
    """The status line of an answer, nothing where the connection has ended."""
    async with asyncio.timeout(10):
        try:
            return await pair[0].readline()
        except ConnectionError:
            return b""


async def test_the_one_that_was_silent_for_longest_goes(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.held.set()
    first, second, third = [await stage.connect() for _ in range(3)]
    first[1].write(GET)
    assert b"200" in await status(first)
    with caplog.at_level(logging.WARNING):
        fourth = await stage.connect(GET)
    assert b"200" in await status(fourth)
    assert await status(second) == b"", "it asked for nothing, and came before the third"
    third[1].write(GET)
    assert b"200" in await status(third)
    assert [record.getMessage() for record in caplog.records] == ["connections_full"]


async def test_half_a_request_is_no_work(stage: Stage) -> None:
    """Neither half a head nor half a body keeps a place, however it drips."""
    halves = [
        await stage.connect(GET[:-2]),
        await stage.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"),
    ]
    await stage.connect()
    for _ in range(3):
        for _, writer in halves:
            writer.write(b"x")
        await asyncio.sleep(0)
    others = [await stage.connect(GET) for _ in range(2)]
    stage.held.set()
    assert [await status(each) for each in halves] == [b"", b""]
    assert all([b"200" in await status(each) for each in others])


async def test_who_waits_for_an_answer_stays(stage: Stage) -> None:
    waiting = [await stage.connect(GET) for _ in range(3)]
    newest = await asyncio.open_connection("127.0.0.1", stage.port)
    assert await status(newest) == b"", "all others have work in hand"
    newest[1].close()
    stage.held.set()
    assert all([b"200" in await status(each) for each in waiting])


async def test_who_has_left_is_forgotten(stage: Stage) -> None:
    _, writer = await stage.connect()
    writer.close()
    async with asyncio.timeout(10):
        while len(stage.crowd):
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(("descriptors", "most"), [(16384, 8192), (1024, 512), (1, 1), (1 << 30, 8192), (-1, 8192)])
def test_half_of_the_descriptors_are_for_connections(descriptors: int, most: int) -> None:
    assert most_of(descriptors) == most
