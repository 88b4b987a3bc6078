import asyncio
from collections.abc import Mapping

import aiohttp
import pytest

from receiver.simulators.errors import SimulationError
from receiver.simulators.sink import Arrival, Behaviour, Sink
from receiver.simulators.webhooks import InvalidWebhook


async def post(sink: Sink, webhook_id: str, body: bytes = b"x", path: str = "hooks") -> tuple[int, str | None]:
    async with aiohttp.ClientSession() as session:
        headers = {"webhook-id": webhook_id}
        async with session.post(sink.url + path, data=body, headers=headers) as response:
            return response.status, response.headers.get("Retry-After")


async def test_arrivals_are_remembered_and_counted() -> None:
    watched: list[Arrival] = []
    async with Sink(watch=watched.append, clock=lambda: 7.0) as sink:
        for webhook_id, body in [("a", b"1"), ("b", b"2"), ("a", b"3")]:
            assert await post(sink, webhook_id, body) == (200, None)
        await sink.wait_for(2)
        assert (sink.attempts, sink.duplicates, dict(sink.ids)) == (3, 1, {"a": 2, "b": 1})
        assert [(one.id, one.time, one.path, one.body) for one in sink.arrivals] == [
            ("a", 7.0, "/hooks", b"1"),
            ("b", 7.0, "/hooks", b"2"),
            ("a", 7.0, "/hooks", b"3"),
        ]
        assert list(sink.arrivals) == watched


async def test_only_so_many_bodies_are_kept() -> None:
    async with Sink(kept=2) as sink:
        for webhook_id in "abc":
            await post(sink, webhook_id)
        assert [one.id for one in sink.arrivals] == ["b", "c"]
        assert len(sink.ids) == 3


async def test_what_fails_has_not_arrived() -> None:
    async with Sink() as sink:
        sink.behave(Behaviour(503, retry_after="3"), times=2)
        assert [await post(sink, "a") for _ in range(3)] == [(503, "3"), (503, "3"), (200, None)]
        assert (sink.attempts, sink.duplicates, len(sink.ids)) == (3, 0, 1)
        sink.behave(Behaviour(410))
        assert [await post(sink, "b") for _ in range(2)] == [(410, None)] * 2
        assert len(sink.ids) == 1


async def test_a_check_that_fails_is_answered_401() -> None:
    def check(headers: Mapping[str, str], body: bytes) -> None:
        if headers["webhook-id"] != "good" or body != b"x":
            raise InvalidWebhook("forged")

    async with Sink(check=check) as sink:
        assert [await post(sink, name) for name in ("good", "bad")] == [(200, None), (401, None)]
        assert (dict(sink.ids), dict(sink.refused)) == ({"good": 1}, {"forged": 1})


async def test_delay_and_hang() -> None:
    clock = asyncio.get_running_loop().time
    async with Sink() as sink:
        sink.behave(Behaviour(hang=True))
        sink.behave(Behaviour(delay=0.15), times=1)
        start = clock()
        assert await post(sink, "slow") == (200, None)
        assert clock() - start >= 0.15
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await post(sink, "hanging")
        assert list(sink.ids) == ["slow"]


async def test_waiting_in_vain_says_how_many_came() -> None:
    async with Sink() as sink:
        await post(sink, "a")
        with pytest.raises(SimulationError, match=r"1 of 2 webhooks arrived within 0.05 s"):
            await sink.wait_for(2, within=0.05)


async def test_waiting_ends_with_the_arrival() -> None:
    async with Sink() as sink:
        waiting = asyncio.create_task(sink.wait_for(1))
        await post(sink, "a")
        await waiting
