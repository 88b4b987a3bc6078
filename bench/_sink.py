"""A webhook in a process of its own that answers 200, and knows when each notification came first."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import aiohttp
import orjson
import uvloop
from aiohttp import web

_PATIENCE = 60.0


@contextmanager
def sink() -> Iterator[str]:
    """The URL of a sink; beside it, `/hang` never answers."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_live, args=(there,), daemon=True)
    process.start()
    try:
        if not here.poll(_PATIENCE):
            raise TimeoutError("the sink did not start")
        yield f"http://127.0.0.1:{here.recv()}/hook"
    finally:
        here.send("end")
        process.join(5)
        process.kill()


async def arrivals(url: str, expected: set[str]) -> dict[str, float]:
    """When each notification came, on the monotonic clock, asked until all have. Raises TimeoutError."""
    came: dict[str, float] = {}
    async with asyncio.timeout(_PATIENCE), aiohttp.ClientSession() as session:
        while expected - came.keys():
            async with session.get(url) as answer:
                came = await answer.json()
    return came


def _live(pipe: Connection) -> None:
    uvloop.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    came: dict[str, float] = {}

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response(came)
        if request.path == "/hang":
            await asyncio.Event().wait()
        body = await request.read()
        came.setdefault(orjson.loads(body)["notification_id"], time.monotonic())
        return web.Response(text="ok")

    runner = web.ServerRunner(web.Server(take, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(runner.addresses[0][1])
    await asyncio.get_running_loop().run_in_executor(None, pipe.poll, None)
    await runner.cleanup()
