"""The stand-in on a socket, and the project's own client that calls it."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handlers.settings import Secret
from handlers.spapi.service import Account, Application, Credentials, Endpoints, MemoryTokenStore, SpapiClient, connect
from receiver.simulators.spapi import Settings, SimulatedSpapi


@dataclass
class Clock:
    """Time as a test sets it."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Both:
    """A stand-in and a client of it."""

    simulated: SimulatedSpapi
    client: SpapiClient
    clock: Clock

    async def call(self, name: str, seller: int = 1, **arguments: Any) -> Any:
        account = self.simulated.settings.seller_id(seller)
        return (await self.client.call(name, account=account, **arguments)).json


Start = Callable[..., Any]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a stand-in with settings, and a client with an account for each of its sellers."""
    stack = AsyncExitStack()

    async def begin(**settings: Any) -> Both:
        clock = Clock()
        simulated = await stack.enter_async_context(SimulatedSpapi(Settings(**settings), clock=clock))
        made = simulated.settings

        def secret(name: str, value: str) -> Secret:
            (tmp_path / name).write_text(value)
            return Secret("file", str(tmp_path / name))

        accounts = tuple(
            Account(made.seller_id(n), made.region, (), secret(f"refresh-{n}", made.refresh_token(n)))
            for n in range(1, made.sellers + 1)
        )
        endpoints = Endpoints(lwa=simulated.lwa_url, overrides=dict.fromkeys(("na", "eu", "fe"), simulated.url))
        credentials = Credentials(secret("id", made.client_id), secret("secret", made.client_secret))
        application = Application(credentials, accounts, endpoints)
        log = logging.getLogger("tests")
        opened = connect(application, MemoryTokenStore(), who="tests", log=log, clock=clock)
        return Both(simulated, await stack.enter_async_context(opened), clock)

    async with stack:
        yield begin
