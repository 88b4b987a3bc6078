"""The usage plans of an application: a bucket for each account and operation, each with its own queue.

No account waits for another: what one has used up does not touch the plan of the next.
"""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from handlers.spapi.bucket import Bucket
from handlers.spapi.errors import PlanExhausted
from handlers.spapi.operation import Operation
from handlers.spapi.ticket import Held, holder_of

AT_ONCE = 64
"""Calls under way at once: a connection pool looks at every connection for every call, so that more would be slower."""
_HIGHEST_RATE = 10_000.0
_FIRST_SWEEP = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """How far an account has used its plan for an operation in the last five minutes."""

    account_id: str
    operation: str
    calls: int
    share: float
    """0 to 1, of what the plan had to give."""
    waiting: int
    rate: float
    """Calls a second that are let through now."""

    @property
    def clears_in(self) -> float:
        """Seconds until those who wait have been let through, if nobody else comes."""
        return self.waiting / self.rate


class Buckets:
    """The buckets of one application. To be used from one event loop; restarts with every plan full."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        at_once: int = AT_ONCE,
    ) -> None:
        """`clock` counts seconds and never goes back; `jitter` gives numbers from 0 to 1."""
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._sweep_at = _FIRST_SWEEP
        self._under_way = asyncio.Semaphore(at_once)

    def __len__(self) -> int:
        return len(self._buckets)

    def reserve(self, account_id: str, operation: Operation, ticket: Hashable) -> float:
        """0 where the call may be made now; else the seconds to wait before asking again with the same ticket.

        The ticket keeps the place in the queue meanwhile, so that a caller may go away and come back.
        """
        return self._bucket(account_id, operation).reserve(ticket, self._clock())

    def release(self, account_id: str, operation: Operation, ticket: Hashable) -> None:
        """Give up the place of a ticket whose call will not be made."""
        self._bucket(account_id, operation).release(ticket)

    def holders(self) -> list[Held]:
        """The places that deliveries hold, in whatever plan."""
        now = self._clock()
        places = (place for bucket in self._buckets.values() for place in bucket.places(now))
        return [
            Held(ticket, due, due - now, turn) for name, due, turn in places if (ticket := holder_of(name)) is not None
        ]

    def let_go(self, places: Collection[Held]) -> None:
        """Give up places whose deliveries have ended, but for those that others have taken over meanwhile."""
        gone, now = {(place.ticket, place.due) for place in places}, self._clock()
        for bucket in self._buckets.values() if gone else ():
            # From the end: giving up the first place moves all that are behind it.
            for name, due, _ in reversed(bucket.places(now)):
                if (holder_of(name), due) in gone:
                    bucket.release(name)

    @asynccontextmanager
    async def turn(
        self, account_id: str, operation: Operation, ticket: Hashable = None, patience: float | None = None
    ) -> AsyncIterator[None]:
        """Wait until the call may be made, which the block does, for at most `patience` seconds (None: without end).

        Raises PlanExhausted where it would take longer: with a `ticket`, the place is kept for those who come back
        with it. A wait without a ticket gives up its place when it is cancelled or runs out of patience.
        """
        name: Hashable = object() if ticket is None else ticket
        waited = 0.0
        try:
            while True:
                # The plan is asked last, so that calls which were let through do not bunch up behind others.
                async with self._under_way:
                    wait = self.reserve(account_id, operation, name)
                    if wait == 0:
                        try:
                            yield
                        finally:
                            self._bucket(account_id, operation).ended(self._clock())
                        return
                waited += wait
                if patience is not None and waited > patience:
                    raise PlanExhausted(operation.full_name, wait)
                await self._sleep(wait)
        finally:
            if ticket is None:
                self.release(account_id, operation, name)

    def follow(self, account_id: str, operation: Operation, limit: str | None) -> None:
        """A call was answered. `limit` is the answer's x-amzn-RateLimit-Limit, as it came."""
        self._bucket(account_id, operation).follow(_rate(limit))

    def throttled(self, account_id: str, operation: Operation, retry_after: float | None = None) -> float:
        """A call was answered 429 or 503: the seconds to wait. `retry_after` is what the answer asked for."""
        return self._bucket(account_id, operation).throttled(self._clock(), retry_after, self._jitter())

    def usage(self) -> list[Usage]:
        """The plans in use, the fullest first."""
        now = self._clock()
        figures = [
            Usage(account_id, operation, bucket.calls(now), bucket.share(now), bucket.waiting, bucket.rate)
            for (account_id, operation), bucket in self._buckets.items()
        ]
        return sorted((item for item in figures if item.calls or item.waiting), key=lambda item: -item.share)

    def _bucket(self, account_id: str, operation: Operation) -> Bucket:
        key = (account_id, operation.full_name)
        bucket = self._buckets.get(key)
        if bucket is None:
            self._sweep()
            rate, burst = operation.plan
            bucket = self._buckets[key] = Bucket(rate, burst, self._clock())
        return bucket

    def _sweep(self) -> None:
        """Drop what is idle whenever the number of buckets has doubled."""
        if len(self._buckets) < self._sweep_at:
            return
        now = self._clock()
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.idle(now)}
        self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._buckets))


def _rate(limit: str | None) -> float | None:
    """The rate that a header names, or None for one that makes no sense."""
    try:
        rate = float(limit or "")
    except ValueError:
        return None
    return rate if math.isfinite(rate) and 0 < rate <= _HIGHEST_RATE else None
