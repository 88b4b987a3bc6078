"""A router with a token, and those who knock at its door."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

TOKEN = "c4b1e2a0f6d94bb7a1f0"


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CONSOLE_TOKEN", TOKEN)
    return TOKEN


@pytest.fixture
async def router(start_router: Any, write_rules: Any, token: str) -> Any:
    return await start_router(write_rules('[console]\ntoken = { env = "CONSOLE_TOKEN" }\n'))


@pytest.fixture
async def visitor() -> AsyncIterator[Callable[..., Awaitable[aiohttp.ClientSession]]]:
    """Makes clients that keep cookies, also those of addresses without a name."""
    async with AsyncExitStack() as stack:

        async def make(base: str, **headers: str) -> aiohttp.ClientSession:
            jar = aiohttp.CookieJar(unsafe=True)
            return await stack.enter_async_context(aiohttp.ClientSession(base, cookie_jar=jar, headers=headers))

        yield make
