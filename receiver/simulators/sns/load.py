"""Sending many messages at once: bounded in number, in rate and in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from receiver.simulators.sns.messages import Push
from receiver.simulators.sns.plan import Planned
from receiver.simulators.sns.sender import Answer

_MOST_AHEAD = 64
_SECONDS_AHEAD = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How many pushes are under way at once at most, and how many begin a second (None: as many as go)."""

    concurrency: int = 16
    rate: float | None = None

    @property
    def ahead(self) -> int:
        """How many messages to sign in advance: few at a low rate, so that their Timestamps are not old."""
        return _MOST_AHEAD if self.rate is None else max(1, min(_MOST_AHEAD, int(self.rate * _SECONDS_AHEAD)))


async def send_all(
    messages: Iterable[Planned],
    prepare: Callable[[Planned], Push],
    deliver: Callable[[Push], Awaitable[Answer]],
    pace: Pace,
    record: Callable[[Planned, Answer], None],
) -> None:
    """Deliver all messages; `record` hears of each as it ends. Signing (`prepare`) runs in a thread."""
    queue: asyncio.Queue[tuple[Planned, Push] | None] = asyncio.Queue(pace.ahead)
    slots = _Slots(pace.rate)

    async def work() -> None:
        while (item := await queue.get()) is not None:
            await slots.wait()
            record(item[0], await deliver(item[1]))
        queue.put_nowait(None)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(pace.concurrency):
            tasks.create_task(work())
        await _fill(queue, iter(messages), prepare, pace.ahead)


async def _fill(
    queue: asyncio.Queue[tuple[Planned, Push] | None],
    messages: Iterator[Planned],
    prepare: Callable[[Planned], Push],
    ahead: int,
) -> None:
    """Sign messages in batches and queue them, then the end mark that each worker hands on to the next."""
    batch = max(1, ahead // 4)
    while items := await asyncio.to_thread(lambda: [(one, prepare(one)) for one in islice(messages, batch)]):
        for item in items:
            await queue.put(item)
    await queue.put(None)


class _Slots:
    """Gives out moments to begin, evenly spaced. Lost time is not made up for in a burst."""

    def __init__(self, rate: float | None) -> None:
        self._spacing = 1 / rate if rate else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        if self._spacing:
            now = asyncio.get_running_loop().time()
            slot = max(self._next, now)
            self._next = slot + self._spacing
            await asyncio.sleep(slot - now)
