"""The delivery engine against bare loops of the same HTTP client without any state.

A backlog of distinct ORDER_CHANGE notifications goes to a sink in a process of its own, 32 at a time, in alternating
runs: by the engine, which reads each from disk, makes and signs its request and has every outcome on disk; by a loop of
aiohttp's client that posts the same requests made ready before, each through `ClientSession.post`; and by a loop of the
forward handler alone, which makes and signs them and sends them past the session (`handlers.exchange`). CPU is that of
the sending process and the inbox's writer, so it tells costs apart from a busy machine.
`python -m bench.dispatch [--deliveries N] [--runs N]`.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson
import uvloop

from bench._cpu import cpu_of
from bench._sink import sink
from handlers.base import Delivery, Done, HandlerContext
from handlers.forward import ForwardHandler, ForwardSettings
from receiver import garbage
from receiver.dispatcher import Dispatcher, LaneSettings, LaneSpec
from receiver.dispatcher.outcomes import Ended
from receiver.inbox import DeliveryFilter, Entry, Route, State
from receiver.inbox.remote_writer import WriterProcess
from receiver.inbox.sqlite import SqliteInbox
from receiver.notification import read_stored

CONCURRENCY = 32
PATIENCE = 60.0
EXAMPLE = Path(__file__).parents[1] / "receiver/simulators/data/notifications/ORDER_CHANGE.json"
_PEERS = ("bare", "handler")
SECRET = "BENCH_DISPATCH_SECRET"

T = TypeVar("T")
Way = Callable[[int], "Measured"]


@dataclass(slots=True)
class Measured:
    """What sending took."""

    rate: float = 0.0
    """Deliveries a second."""
    cpu: float = 0.0
    """Microseconds of CPU a delivery."""


def entries(count: int, handlers: tuple[str, ...]) -> list[Entry]:
    """Distinct notifications as SNS brings them."""
    inner = json.loads(EXAMPLE.read_text())
    made = []
    for number in range(count):
        inner["NotificationMetadata"]["NotificationId"] = f"bench-{os.getpid()}-{time.monotonic_ns()}-{number}"
        message = {
            "Type": "Notification",
            "MessageId": f"message-{number}",
            "TopicArn": "arn:aws:sns:us-east-1:123456789012:sp-api-orders",
            "Message": orjson.dumps(inner).decode(),
            "Timestamp": "2026-01-01T00:00:00.000Z",
        }
        body = orjson.dumps(message)
        routes = tuple(Route("bench", name) for name in handlers)
        made.append(Entry(read_stored(body, 0), routes, body, time.time()))
    return made


def context(name: str) -> HandlerContext:
    return HandlerContext(name, logging.getLogger(name), time.time, Path(tempfile.gettempdir()))


def forward(url: str) -> LaneSpec:
    """A forward handler as a rules file would have it: signed, with retries and breaker."""
    keys = {"url": url, "allow_private": True, "secret": {"env": SECRET}}
    return LaneSpec(
        ForwardHandler(ForwardSettings.model_validate(keys), context("sink")), LaneSettings(concurrency=CONCURRENCY)
    )


@asynccontextmanager
async def new_inbox(writer: WriterProcess) -> AsyncIterator[SqliteInbox]:
    with tempfile.TemporaryDirectory(prefix="bench-dispatch-") as directory:
        inbox = await SqliteInbox.open(Path(directory) / "inbox.db", process=writer)
        try:
            yield inbox
        finally:
            await inbox.close()


class Counter:
    """An observer that knows when the last of a number of deliveries was done."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done = asyncio.Event()

    def attempt_finished(self, handler: str, outcome: str, seconds: float) -> None:
        """Not counted: an attempt is not yet on disk."""

    def delivery_final(self, handler: str, state: str, since_received: float) -> None:
        self._left -= 1
        if not self._left:
            self.done.set()

    def delivery_recorded(self, ended: Ended) -> None:
        """Counted already."""


@contextmanager
def _measuring(count: int, *others: int) -> Iterator[Measured]:
    """Measure this process; of `others`, CPU counts too."""
    pids = (os.getpid(), *others)
    measured, wall, cpu = Measured(), time.perf_counter(), cpu_of(*pids)
    yield measured
    measured.rate = count / (time.perf_counter() - wall)
    measured.cpu = (cpu_of(*pids) - cpu) / count * 1e6


async def engine(url: str, count: int, writer: WriterProcess) -> Measured:
    """A backlog delivered, every outcome on disk."""
    backlog = entries(count, ("sink",))
    async with new_inbox(writer) as inbox:
        for start in range(0, count, 500):
            await inbox.accept(backlog[start : start + 500])
        del backlog
        counter = Counter(count)
        dispatcher = Dispatcher(inbox, {"sink": forward(url)}, observer=counter)
        garbage.spare()
        with _measuring(count, writer.pid) as measured:
            await dispatcher.start()
            await asyncio.wait_for(counter.done.wait(), PATIENCE)
        await dispatcher.stop(5.0)
        assert (await inbox.count(DeliveryFilter(limit=None)))[State.DONE] == count
    return measured


async def bare(url: str, count: int) -> Measured:
    """aiohttp's client posting requests that are ready."""
    worker, deliveries = _alone(url, count)
    await worker.start()
    ready = [await worker._prepare(delivery) for delivery in deliveries]
    await worker.close()

    async def post() -> None:
        while ready:
            request = ready.pop()
            async with session.post(request.url, data=request.data, headers=request.headers) as answer:
                await answer.read()
                assert answer.status == 200

    async with aiohttp.ClientSession() as session:
        with _measuring(count) as measured:
            await asyncio.gather(*(post() for _ in range(CONCURRENCY)))
    return measured


async def handler_alone(url: str, count: int) -> Measured:
    """The forward handler in a loop: what is left of the engine without its state."""
    worker, deliveries = _alone(url, count)
    await worker.start()

    async def handle() -> None:
        while deliveries:
            assert isinstance(await worker.handle(deliveries.pop()), Done)

    with _measuring(count) as measured:
        await asyncio.gather(*(handle() for _ in range(CONCURRENCY)))
    await worker.close()
    return measured


def _alone(url: str, count: int) -> tuple[Any, list[Delivery]]:
    documents = (each.notification.document for each in entries(count, ()))
    made = [
        Delivery(number, f"dlv_{number}", "bench", "sink", 1, None, 0.0, 0.0, document)
        for number, document in enumerate(documents)
    ]
    return forward(url).handler, made


def _fresh(measure: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    """One measurement on an event loop and with a sink of its own."""
    with sink() as url:
        return uvloop.run(measure(url))


def _engine(count: int) -> Measured:
    return _fresh(partial(engine, count=count, writer=WriterProcess.fork()))


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.dispatch", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    os.environ[SECRET] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    logging.getLogger().setLevel(logging.ERROR)
    _rates(options.deliveries, options.runs)


def _rates(count: int, runs: int) -> None:
    ways: tuple[Way, ...] = (
        _engine,
        lambda count: _fresh(partial(bare, count=count)),
        lambda count: _fresh(partial(handler_alone, count=count)),
    )
    print(f"{count} deliveries, {CONCURRENCY} at a time: a second, and microseconds of CPU each")
    print(f"{'run':>6} {'engine':>8} {'cpu':>5}" + "".join(f" {name:>8} {'cpu':>5} {'ratio':>6}" for name in _PEERS))
    rows = []
    for number in range(runs):
        order = ways if number % 2 == 0 else ways[::-1]
        measured = {way: way(count) for way in order}
        rows.append([value for way in ways for value in (measured[way].rate, measured[way].cpu)])
        _row(str(number + 1), rows[-1])
    _row("median", [statistics.median(column) for column in zip(*rows, strict=True)])


def _row(name: str, values: list[float]) -> None:
    rate, cpu, *peers = values
    compared = (f" {peers[at]:>8.0f} {peers[at + 1]:>5.0f} {rate / peers[at]:>6.2f}" for at in (0, 2))
    print(f"{name:>6} {rate:>8.0f} {cpu:>5.0f}" + "".join(compared), flush=True)


if __name__ == "__main__":
    main()
