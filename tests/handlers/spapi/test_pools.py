"""Connections: enough of them, kept, spread over small pools, and through a proxy where the environment names one."""

import asyncio
import logging
from typing import Any

import httpx
import pytest
from aiohttp import web

from handlers.settings import Secret
from handlers.spapi.pools import Pools
from handlers.spapi.service import Account, Application, Credentials, Endpoints, MemoryTokenStore, connect


async def serve(answer: Any) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/"


async def test_requests_at_once_have_a_connection_each_and_later_ones_take_them_again() -> None:
    peers: set[Any] = set()
    arrived, all_there = 0, asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        if arrived == 12:
            all_there.set()
        await all_there.wait()
        return web.Response(text="ok")

    runner, url = await serve(answer)
    async with httpx.AsyncClient(mounts={"all://": Pools(pools=4, connections=3)}) as client:
        answers = await asyncio.gather(*(client.get(url) for _ in range(12)))
        assert {item.text for item in answers} == {"ok"}
        assert len(peers) == 12
        await asyncio.gather(*(client.get(url) for _ in range(12)))
        assert len(peers) == 12
    await runner.cleanup()


async def test_a_request_that_fails_does_not_count_as_under_way() -> None:
    pools = Pools(pools=2, connections=1)
    async with httpx.AsyncClient(mounts={"all://": pools}) as client:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:1/")
    assert pools._busy == [0, 0]


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        if request.path == "/token":
            return web.json_response({"access_token": "Atza|1", "expires_in": 3600})
        return web.json_response({})

    runner, url = await serve(answer)
    monkeypatch.setenv("HTTP_PROXY", url)
    monkeypatch.setenv("NO_PROXY", "")
    for name in ("ID", "SECRET", "REFRESH"):
        monkeypatch.setenv(name, name)
    account = Account("A1", "na", (), Secret("env", "REFRESH"))
    endpoints = Endpoints(lwa="http://lwa.invalid/token", overrides={"na": "http://na.invalid"})
    application = Application(Credentials(Secret("env", "ID"), Secret("env", "SECRET")), (account,), endpoints)
    async with connect(application, MemoryTokenStore(), who="tests", log=logging.getLogger("tests")) as client:
        assert (await client.call("orders.getOrder", orderId="1")).status == 200
    assert asked == ["http://lwa.invalid/token", "http://na.invalid/orders/2026-01-01/orders/1"]
    await runner.cleanup()
