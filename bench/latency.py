"""From a push to its arrival at a sink, at a steady rate: through HTTP, proof, commit, claim and a signed forward.

Pushes go to a daemon as people start it, over keep-alive connections, and the daemon forwards each to a sink in a
process of its own; alone, and beside a handler whose destination never answers. Milliseconds.
`python -m bench.latency [--runs N] [--rate A_SECOND] [--seconds S]`.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import uvloop

from bench._load import Sender
from bench._sink import arrivals, sink
from bench._started import started
from bench.ingest import RULES, signed
from receiver.simulators.sns import Authority

SECRET = "BENCH_LATENCY_SECRET"
_CONNECTIONS = 4
_HANDLER = """
[handlers.{name}]
type = "forward"
url = "{url}"
allow_private = true
secret = {{ env = "BENCH_LATENCY_SECRET" }}
timeout = "5m"
[[rules]]
name = "to {name}"
match.type = ["ORDER_CHANGE"]
handlers = ["{name}"]
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """Times in milliseconds, each from the moment a push was sent."""

    answered: list[float]
    """Until its 200."""
    arrived: list[float]
    """Until it came to the sink."""

    def row(self, name: str) -> str:
        """A line of the table."""
        values = (value for times in (self.answered, self.arrived) for value in _middle_and_tail(times))
        return f"{name:>26}" + "".join(f" {value:>8.2f}" for value in values)


class _Pusher(Sender):
    """One connection, which sends what it is given once what it sent before was answered."""

    def __init__(
        self, queue: asyncio.Queue[tuple[str, bytes]], sent: dict[str, float], answered: dict[str, float]
    ) -> None:
        super().__init__()
        self._queue = queue
        self._sent = sent
        self._answered = answered
        self._name = ""
        self._next: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End the connection."""
        if self._next is not None:
            self._next.cancel()
        self.transport.close()
        await self.done

    def send_next(self) -> None:
        self._next = asyncio.create_task(self._send())

    def answered(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit((head + body).decode(errors="replace"))
        self._answered[self._name] = time.monotonic()

    async def _send(self) -> None:
        self._name, request = await self._queue.get()
        self._sent[self._name] = time.monotonic()
        self.transport.write(request)


def rules_in(folder: Path, authority: Authority, urls: dict[str, str]) -> Path:
    """A rules file that forwards every order to each of the named URLs."""
    (folder / "signer.pem").write_bytes(authority.certificate)
    path = folder / "rules.toml"
    base = RULES.format(level="info").partition("[handlers")[0]
    path.write_text(base + "".join(_HANDLER.format(name=name, url=url) for name, url in urls.items()))
    return path


def measure(authority: Authority, hanging: bool, rate: float, seconds: float) -> Latency:
    """One run on a fresh daemon and sink."""
    names = [str(uuid4()) for _ in range(int(rate * seconds))]
    pushes = dict(zip(names, signed(authority, names), strict=True))
    with sink() as url, tempfile.TemporaryDirectory(prefix="bench-latency-") as folder:
        urls = {"sink": url}
        if hanging:
            urls["hanging"] = url.replace("/hook", "/hang")
        with started(rules_in(Path(folder), authority, urls)) as daemon:
            host, _, port = daemon.address.partition(":")
            return uvloop.run(_push_steadily(host, int(port), pushes, rate, url))


async def _push_steadily(host: str, port: int, pushes: dict[str, bytes], rate: float, url: str) -> Latency:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    sent: dict[str, float] = {}
    answered: dict[str, float] = {}
    pushers = [
        (await loop.create_connection(lambda: _Pusher(queue, sent, answered), host, port))[1]
        for _ in range(_CONNECTIONS)
    ]
    begun = time.monotonic()
    for number, push in enumerate(pushes.items()):
        await asyncio.sleep(begun + number / rate - time.monotonic())
        queue.put_nowait(push)
    came = await arrivals(url, set(pushes))
    for pusher in pushers:
        await pusher.close()
    return Latency(_times(answered, sent), _times({name: came[name] for name in pushes}, sent))


def _times(ends: dict[str, float], begins: dict[str, float]) -> list[float]:
    return [(end - begins[name]) * 1000 for name, end in ends.items()]


def _middle_and_tail(times: Iterable[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.99)]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=200.0, help="pushes a second")
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args(arguments)
    os.environ[SECRET] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    authority = Authority.create()
    print(f"{options.rate:.0f} a second, ms {'until 200: p50':>20} {'p99':>8} {'sink: p50':>8} {'p99':>8}")
    for _ in range(options.runs):
        for name, hanging in (("alone", False), ("beside a hanging handler", True)):
            print(measure(authority, hanging, options.rate, options.seconds).row(name), flush=True)


if __name__ == "__main__":
    main()
