"""The client that a daemon's handlers share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from handlers.errors import HandlerError
from handlers.spapi.client import SpapiClient
from handlers.spapi.shared import SharedClient


class Doors:
    """Counts how often a client was opened and closed; the first `failures` times opening fails."""

    def __init__(self, client: SpapiClient, failures: int = 0) -> None:
        self.client = client
        self.failures = failures
        self.opened = self.closed = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SpapiClient]:
        if self.failures:
            self.failures -= 1
            raise HandlerError("no key")
        self.opened += 1
        await asyncio.sleep(0)
        yield self.client
        self.closed += 1


async def test_it_opens_once_for_all_and_closes_once(client: SpapiClient) -> None:
    doors = Doors(client)
    shared = SharedClient(doors.open)
    assert doors.opened == 0
    got = await asyncio.gather(*(shared.get() for _ in range(5)))
    assert got == [client] * 5
    await shared.close()
    await shared.close()
    assert (doors.opened, doors.closed) == (1, 1)
    with pytest.raises(HandlerError, match="is closed"):
        await shared.get()


async def test_what_failed_to_open_is_opened_again(client: SpapiClient) -> None:
    doors = Doors(client, failures=1)
    shared = SharedClient(doors.open)
    with pytest.raises(HandlerError, match="no key"):
        await shared.get()
    assert await shared.get() is client
    await shared.close()


async def test_one_that_was_never_used_is_never_opened(client: SpapiClient) -> None:
    doors = Doors(client)
    await SharedClient(doors.open).close()
    assert (doors.opened, doors.closed) == (0, 0)
