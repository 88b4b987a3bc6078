"""Background tasks that nobody awaits."""

import asyncio
import logging

import pytest

from receiver.events import facts_of
from receiver.watch import Watch


async def test_single_work_that_fails_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("no")

    watch = Watch(logging.getLogger("test"))
    await watch.once("work", fail())
    assert [facts_of(record) for record in caplog.records] == [{"task": "work", "reason": "ValueError: no"}]


async def test_the_end_cancels_what_is_kept_and_waits_for_the_rest() -> None:
    watch, ended = Watch(logging.getLogger("test")), []

    async def last() -> None:
        await asyncio.sleep(0.01)
        ended.append("last")

    kept = watch.keep("kept", asyncio.Event().wait)
    single = watch.once("single", last())
    hanging = watch.once("hanging", asyncio.sleep(600))
    await watch.end(0.2)
    assert ended == ["last"]
    assert kept.cancelled()
    assert single.done()
    assert hanging.cancelled()
