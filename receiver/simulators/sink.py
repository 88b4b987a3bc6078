"""A receiver of webhooks that remembers what arrives, and fails, dawdles or hangs when it is told to."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from receiver.simulators.errors import SimulationError
from receiver.simulators.listener import Listener
from receiver.simulators.webhooks import InvalidWebhook

Check = Callable[[Mapping[str, str], bytes], None]
"""Judges headers and body of a webhook. Raises InvalidWebhook."""

_KEPT = 10_000
_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """A webhook that was answered with 2xx."""

    id: str
    """Its webhook-id, empty where it has none."""
    time: float
    """Seconds since the epoch."""
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the sink answers: with which status, after how many seconds of delay, or never (`hang`)."""

    status: int = 200
    delay: float = 0.0
    hang: bool = False
    retry_after: str | None = None
    """The Retry-After header."""
    body: str = ""


class Sink:
    """A small HTTP server that takes POST and PUT on every path while its `async with` block runs.

    `check` judges each request (a failure is answered 401); `watch` hears of each arrival. The last `kept` arrivals
    are remembered whole, and how often each webhook-id arrived for all of them.
    """

    def __init__(
        self,
        *,
        listen: str = "127.0.0.1:0",
        check: Check | None = None,
        watch: Callable[[Arrival], None] | None = None,
        kept: int = _KEPT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.arrivals: deque[Arrival] = deque(maxlen=kept)
        self.attempts = 0
        """How many requests came, whatever was answered."""
        self.refused: Counter[str] = Counter()
        """Requests that `check` refused, by reason."""
        self._times: Counter[str] = Counter()
        self._check = check
        self._watch = watch
        self._clock = clock
        self._planned: deque[Behaviour] = deque()
        self._usual = Behaviour()
        self._changed = asyncio.Condition()
        self._closing = asyncio.Event()
        application = web.Application(client_max_size=_LARGEST)
        application.router.add_route("POST", "/{path:.*}", self._take)
        application.router.add_route("PUT", "/{path:.*}", self._take)
        self._listener = Listener(application, listen)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._listener.__aexit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Where it listens, with a slash at the end."""
        return self._listener.url

    def behave(self, behaviour: Behaviour, times: int | None = None) -> None:
        """Answer the next `times` requests like this and then as before; from now on where `times` is None."""
        if times is None:
            self._planned.clear()
            self._usual = behaviour
        else:
            self._planned.extend([behaviour] * times)

    @property
    def ids(self) -> Mapping[str, int]:
        """How often each webhook-id arrived."""
        return self._times

    @property
    def duplicates(self) -> int:
        """How many arrivals had a webhook-id that had arrived before."""
        return self._times.total() - len(self._times)

    async def wait_for(self, count: int, within: float = 60.0) -> None:
        """Wait until `count` different webhook-ids have arrived. Raises SimulationError when `within` seconds pass."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: len(self._times) >= count)
        except TimeoutError:
            raise SimulationError(f"{len(self._times)} of {count} webhooks arrived within {within:g} s") from None

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.attempts += 1
        behaviour = self._planned.popleft() if self._planned else self._usual
        try:
            if self._check:
                self._check(request.headers, body)
        except InvalidWebhook as error:
            self.refused[str(error)] += 1
            return web.Response(status=401, text=str(error))
        await self._dawdle(behaviour)
        if 200 <= behaviour.status < 300 and not behaviour.hang:
            await self._record(request, body)
        headers = {"Retry-After": behaviour.retry_after} if behaviour.retry_after else {}
        return web.Response(status=behaviour.status, text=behaviour.body, headers=headers)

    async def _dawdle(self, behaviour: Behaviour) -> None:
        """Wait for the behaviour's delay, for ever where it hangs, at most until the sink closes."""
        if behaviour.hang or behaviour.delay:
            try:
                async with asyncio.timeout(None if behaviour.hang else behaviour.delay):
                    await self._closing.wait()
            except TimeoutError:
                return

    async def _record(self, request: web.Request, body: bytes) -> None:
        arrival = Arrival(
            request.headers.get("webhook-id", ""), self._clock(), request.path, dict(request.headers), body
        )
        self.arrivals.append(arrival)
        self._times[arrival.id] += 1
        if self._watch:
            self._watch(arrival)
        async with self._changed:
            self._changed.notify_all()
