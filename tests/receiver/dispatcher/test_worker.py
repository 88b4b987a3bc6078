"""A handler object at work."""

import asyncio
import logging
from typing import Any

import pytest

from receiver.dispatcher.worker import Worker
from receiver.events import facts_of

LOG = logging.getLogger("test")


async def test_closing_waits_for_the_last_attempt(scripted: Any) -> None:
    release = asyncio.Event()

    async def handle(_: Any) -> Any:
        await release.wait()

    handler = scripted(handle)
    worker = Worker("erp", handler, LOG)
    attempt = asyncio.create_task(worker.attempt(None, 5.0))
    await asyncio.sleep(0)
    closing = asyncio.create_task(worker.close())
    await asyncio.sleep(0)
    assert handler.closed == 0
    release.set()
    await asyncio.gather(attempt, closing)
    assert handler.closed == 1


async def test_cancelling_from_outside_passes_through(scripted: Any) -> None:
    worker = Worker("erp", scripted(lambda _: asyncio.Event().wait()), LOG)
    attempt = asyncio.create_task(worker.attempt(None, 5.0))
    await asyncio.sleep(0)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await worker.close()


async def test_a_handler_that_cannot_be_closed_is_said(scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    handler = scripted()

    async def close() -> None:
        raise OSError("gone")

    handler.close = close
    await Worker("erp", handler, LOG).close()
    assert [facts_of(record) for record in caplog.records] == [{"handler": "erp", "reason": "gone"}]
