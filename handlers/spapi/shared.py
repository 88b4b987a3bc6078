"""One client for all handlers of a daemon, opened when the first of them calls."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from handlers.base import HandlerContext
from handlers.errors import HandlerError, SettingsError
from handlers.spapi.client import SpapiClient

PATIENCE = 0.5
"""Seconds that a handler waits in place for the usage plan; beyond that its delivery makes room for others."""


class SharedClient:
    """A client that opens when it is first asked for. To be used from one event loop."""

    def __init__(self, open_client: Callable[[], AbstractAsyncContextManager[SpapiClient]]) -> None:
        self._open = open_client
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: SpapiClient | None = None
        self._closed = False

    async def get(self) -> SpapiClient:
        """The client. Raises what opening raises (VaultError, SecretError), each time until it succeeds."""
        async with self._opening:
            if self._closed:
                raise HandlerError("the SP-API client is closed: the daemon is stopping")
            if self._client is None:
                self._client = await self._stack.enter_async_context(self._open())
            return self._client

    @property
    def opened(self) -> SpapiClient | None:
        """The client where some handler has asked for it."""
        return self._client

    async def close(self) -> None:
        """Close the client where it is open; it does not open again."""
        async with self._opening:
            self._closed = True
            await self._stack.aclose()


def shared_client(context: HandlerContext) -> SharedClient:
    """The daemon's client. Raises SettingsError where the rules file describes none."""
    shared = context.services.get("spapi")
    if not isinstance(shared, SharedClient):
        raise SettingsError("it calls SP-API: add an [spapi] section with client_id, client_secret and accounts")
    return shared
