"""Many senders at once that cost so little that what is measured is the daemon: bytes out, status in."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench._load import Sender, request_bytes
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


class _Sender(Sender):
    """A sender that hangs up after SNS's patience and notes what it was told."""

    def __init__(self, waiting: deque[Shot], told: list[Told]) -> None:
        super().__init__()
        self._waiting = waiting
        self._told = told
        self._shot: Shot | None = None
        self._sent_at = 0.0

    def answered(self, head: bytes, body: bytes) -> None:
        self._note(int(head.split(b" ", 2)[1]), body.decode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._note(None, f"the connection ended: {exc}")
        super().connection_lost(exc)

    def send_next(self) -> None:
        if not self._waiting:
            self.transport.close()
            return
        self._shot, self._sent_at = self._waiting.popleft(), time.perf_counter()
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self.transport.abort)
        self.transport.write(self._shot.request)

    def _note(self, status: int | None, text: str) -> None:
        if self._shot is None:
            return
        self._timer.cancel()
        planned, seconds = self._shot.planned, time.perf_counter() - self._sent_at
        detail = "" if status == 200 else text
        self._told.append(Told(planned.message_id, planned.notification_id, status, seconds, time.time(), detail))
        self._shot = None
