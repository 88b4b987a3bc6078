"""A lean HTTP load generator in a process of its own: pre-built requests over keep-alive connections."""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Self, cast
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Load:
    """What a run measured. Latencies in seconds, sorted."""

    seconds: float
    latencies: tuple[float, ...]
    failures: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """A latency in milliseconds."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)] * 1000


def request_bytes(url: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole POST request."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Sender(asyncio.Protocol):
    """One keep-alive connection: sends a request when the answer to the one before is complete."""

    def __init__(self) -> None:
        self._buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send_next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self._buffer = b""
            self.answered(head, body)
            self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def send_next(self) -> None:
        """Send the next request, or close where there is none."""
        raise NotImplementedError

    def answered(self, head: bytes, body: bytes) -> None:
        """Take an answer."""
        raise NotImplementedError


class _Client(Sender):
    def __init__(self, requests: list[bytes], latencies: list[float], failures: list[bytes]) -> None:
        super().__init__()
        self._requests = requests
        self._latencies = latencies
        self._failures = failures
        self._sent_at = 0.0

    def answered(self, head: bytes, body: bytes) -> None:
        self._latencies.append(time.perf_counter() - self._sent_at)
        if not head.startswith(b"HTTP/1.1 200"):
            self._failures.append(head + b"\r\n\r\n" + body)

    def send_next(self) -> None:
        if not self._requests:
            self.transport.close()
            return
        self._sent_at = time.perf_counter()
        self.transport.write(self._requests.pop())


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


async def _drive(host: str, port: int, requests: list[bytes], connections: int) -> Load:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    failures: list[bytes] = []
    started = time.perf_counter()
    pairs = [
        await loop.create_connection(lambda: _Client(requests, latencies, failures), host, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(client.done for _, client in pairs))
    if failures:
        print(failures[0].decode(errors="replace"))
    return Load(time.perf_counter() - started, tuple(sorted(latencies)), len(failures))


def _work(pipe: Connection) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while (order := pipe.recv()) is not None:
            host, port, requests, connections = order
            pipe.send(runner.run(_drive(host, port, requests, connections)))


class Generator:
    """The load generator's process; a context manager."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join(10)

    async def run(self, url: str, requests: Sequence[bytes], connections: int) -> Load:
        """Send all requests to the server, each once."""
        parts = urlsplit(url)
        self._pipe.send((parts.hostname, parts.port, list(requests), connections))
        load: Load = await asyncio.to_thread(self._pipe.recv)
        return load
