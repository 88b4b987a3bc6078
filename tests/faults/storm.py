"""Many senders at once that cost so little that what is measured is the daemon: bytes out, status in."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from bench._load import request_bytes
from receiver.simulators.sns import Push
from receiver.simulators.sns.plan import Planned
from tests.faults.record import Told

_PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Shot:
    """A push, ready to go."""

    planned: Planned
    request: bytes


def shot(planned: Planned, push: Push, endpoint: str) -> Shot:
    """A signed push as the bytes that go out."""
    return Shot(planned, request_bytes(endpoint, dict(push.headers), push.body))


async def storm(endpoint: str, shots: Sequence[Shot], senders: int) -> tuple[list[Told], float]:
    """All pushes, each once, as fast as the senders get answers: what they were told, and how long it took."""
    waiting, told = deque(shots), list[Told]()
    parts = urlsplit(endpoint)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()

    async def send() -> None:
        while waiting:
            _, sender = await loop.create_connection(lambda: _Sender(waiting, told), parts.hostname, parts.port)
            await sender.done

    async with asyncio.TaskGroup() as tasks:
        for _ in range(senders):
            tasks.create_task(send())
    return told, time.perf_counter() - started


class _Sender(asyncio.Protocol):
    """One connection: sends a push when the one before is answered; hangs up after SNS's patience."""

    def __init__(self, waiting: deque[Shot], told: list[Told]) -> None:
        self._waiting = waiting
        self._told = told
        self._shot: Shot | None = None
        self._answer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self._note(int(head.split(b" ", 2)[1]), body.decode())
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._note(None, f"the connection ended: {exc}")
        if not self.done.done():
            self.done.set_result(None)

    def _next(self) -> None:
        if not self._waiting:
            self._transport.close()
            return
        self._shot, self._answer, self._sent_at = self._waiting.popleft(), b"", time.perf_counter()
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._transport.abort)
        self._transport.write(self._shot.request)

    def _note(self, status: int | None, text: str) -> None:
        if self._shot is None:
            return
        self._timer.cancel()
        planned, seconds = self._shot.planned, time.perf_counter() - self._sent_at
        detail = "" if status == 200 else text
        self._told.append(Told(planned.message_id, planned.notification_id, status, seconds, time.time(), detail))
        self._shot = None


def _length(head: bytes) -> int:
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0]) if lengths else 0
