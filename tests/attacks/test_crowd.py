"""More connections than the daemon has descriptors: pushes over new ones are taken meanwhile."""

import asyncio
import resource
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.faults.scene import Scene, until
from tests.faults.storm import shot

DESCRIPTORS = 256
HEAD = b"POST /sns HTTP/1.1\r\nHost: a\r\n"
SILENCE = {
    "nothing": b"",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "a request that was answered": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


async def connect(scene: Scene) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = scene.endpoint.removeprefix("http://").removesuffix("/sns").rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


async def pushed_anew(scene: Scene) -> list[bytes]:
    """The status lines of pushes, each over a connection of its own as from a sender who comes for the first time."""
    lines = []
    for planned in scene.messages(20, 0):
        reader, writer = await connect(scene)
        writer.write(shot(planned, scene.push(planned), scene.endpoint).request)
        async with asyncio.timeout(15):
            lines.append((await reader.readline()).strip())
        writer.close()
    return lines


async def test_a_burst_of_senders_is_no_crowd_where_the_hard_limit_lets(tmp_path: Path) -> None:
    """With the 1,024 descriptors of a shell, of 700 pushes at once 188 were hung up on."""
    async with Scene(tmp_path, 0) as scene:
        process = await scene.launch()
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, 4 * DESCRIPTORS))
        await scene.ready()
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (4 * DESCRIPTORS, 4 * DESCRIPTORS)
        shots = [
            shot(each, scene.push(each), scene.endpoint).request for each in scene.messages(2 * DESCRIPTORS - 20, 0)
        ]
        pairs = await asyncio.gather(*(connect(scene) for _ in shots))
        for (_, writer), request in zip(pairs, shots, strict=True):
            writer.write(request)
        async with asyncio.timeout(30):
            assert {(await reader.readline()).strip() for reader, _ in pairs} == {b"HTTP/1.1 200 OK"}
        for _, writer in pairs:
            writer.close()
        await scene.settled()


@pytest.mark.parametrize("name", SILENCE)
async def test_more_connections_than_descriptors(tmp_path: Path, name: str) -> None:
    async with Scene(tmp_path, 0) as scene, AsyncExitStack() as stack:
        process = await scene.start({resource.RLIMIT_NOFILE: DESCRIPTORS})
        for _ in range(3 * DESCRIPTORS):
            _, writer = await connect(scene)
            stack.callback(writer.close)
            with suppress(ConnectionError):
                writer.write(SILENCE[name])
        assert await pushed_anew(scene) == [b"HTTP/1.1 200 OK"] * 20
        await until(lambda: asyncio.to_thread(lambda: process.descriptors < DESCRIPTORS * 3 // 4), 20)
        await scene.settled()
        assert "connections_full" in process.words
