"""One usage plan: a token bucket with a queue of those who wait for it.

Source: "Usage Plans and Rate Limits" of Amazon's SP-API guide: a bucket of `burst` tokens is refilled at `rate` a
second and each call takes one; `x-amzn-RateLimit-Limit` in an answer names the rate that is in force.

Times are seconds on a clock that never goes back. Pure: nothing here waits.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import attrgetter

_MARGIN = 0.97
"""Share of the rate that is used: calls bunch up on their way to Amazon, and its count must not run out first."""
_MARGIN_OF_ONE = 0.95
"""The same for a burst of one call, where Amazon's bucket saves nothing up from one call to the next."""
_GRACE = 10.0
"""Seconds a place is held for one who does not come when it is due."""
_SLOWEST = 0.1
_SLOWER = 0.7
_FASTER = 0.05
_LONGEST_PAUSE = 120.0
_ENOUGH = 1e-6
_SHORTEST_WAIT = 0.001
_RESTED = 2.0
"""Intervals without a call after which the next one may be long on its way: it opens a connection, or gets a token."""
_SLOT = 60.0
_SLOTS = 5


@dataclass(slots=True)
class _Place:
    name: Hashable
    number: int
    due: float


@dataclass(slots=True)
class _Slot:
    start: float
    tokens: float
    calls: int = 0


class Bucket:
    """The plan of one account for one operation. First come, first served."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._limit = rate
        # One token is left in Amazon's bucket where there are several: what bunches up on the way takes that one.
        self._capacity = float(max(1, burst - 1))
        self._margin = _MARGIN if burst > 1 else _MARGIN_OF_ONE
        self._tokens = self._capacity
        self._at = now
        self._pace = 1.0
        self._streak = 0
        self._numbers = 0
        self._places: dict[Hashable, _Place] = {}
        self._queue: list[_Place] = []
        self._slots: deque[_Slot] = deque(maxlen=_SLOTS + 1)
        self._taken_at = -math.inf
        self._after_rest = False

    @property
    def rate(self) -> float:
        """Calls a second that are let through now."""
        return self._limit * self._pace * self._margin

    @property
    def waiting(self) -> int:
        """How many hold a place."""
        return len(self._queue)

    def places(self, now: float) -> Sequence[tuple[Hashable, float, float]]:
        """Who holds a place, from the first on; when each is due, and the seconds until its turn."""
        self._refill(now)
        return tuple((place.name, place.due, self._wait(ahead, now)) for ahead, place in enumerate(self._queue))

    def reserve(self, name: Hashable, now: float) -> float:
        """0 where the caller may go; else the seconds after which to ask again under the same name.

        Who asks keeps the place in the queue until it has been let through, given it up by `release`, or stayed away
        for 10 seconds beyond the time it was told.
        """
        self._refill(now)
        self._drop_absent(now)
        place = self._places.get(name)
        ahead = bisect_left(self._queue, place.number, key=attrgetter("number")) if place else len(self._queue)
        if now >= self._at and self._tokens >= ahead + 1 - _ENOUGH:
            self.release(name)
            self._take(now)
            return 0.0
        wait = self._wait(ahead, now)
        self._hold(name, place, now + wait)
        return wait

    def release(self, name: Hashable) -> None:
        """Give up the place of a name, where it holds one."""
        place = self._places.pop(name, None)
        if place is not None:
            del self._queue[bisect_left(self._queue, place.number, key=attrgetter("number"))]

    def ended(self, now: float) -> None:
        """A call came back, with whatever answer.

        The first one after a rest counts from here where the plan saves nothing up: nobody knows when it arrived, and
        the next one, which is faster on its way, must not come too soon after it.
        """
        if self._after_rest:
            self._after_rest = False
            self._refill(now)
            self._tokens = min(self._tokens, 0.0)

    def follow(self, limit: float | None) -> None:
        """A call went through. `limit`: the rate that the answer named, calls a second."""
        self._streak = 0
        self._pace = min(1.0, self._pace + _FASTER)
        if limit is not None:
            self._limit = limit

    def throttled(self, now: float, retry_after: float | None, jitter: float) -> float:
        """Amazon said 429 or 503: pause, go on more slowly; the seconds until the pause ends.

        `retry_after` is what the answer asked for; without it the pause doubles each time, shortened by up to half by
        `jitter` (0 to 1). Answers to calls that were under way when the pause began do not lengthen it.
        """
        self._refill(now)
        if now >= self._at:
            self._streak += 1
            self._pace = max(_SLOWEST, self._pace * _SLOWER)
            pause = min(_LONGEST_PAUSE, 2.0 ** min(self._streak - 1, 10) * max(1.0, 1.0 / self._limit))
            self._pause(now, pause * (1 - jitter / 2) if retry_after is None else retry_after)
        elif retry_after is not None and now + retry_after > self._at:
            self._at = now + retry_after
        return max(0.0, self._at - now)

    def calls(self, now: float) -> int:
        """Calls let through in the last five minutes."""
        return sum(slot.calls for slot in self._recent(now))

    def share(self, now: float) -> float:
        """The share used, 0 to 1, of what the plan had to give in the last five minutes."""
        recent = self._recent(now)
        if not recent:
            return 0.0
        given = recent[0].tokens + (now - recent[0].start) * self._limit * self._margin
        return min(1.0, self.calls(now) / max(1.0, given))

    def idle(self, now: float) -> bool:
        """Whether the bucket is as good as a new one: full, with nobody waiting and nothing to report."""
        self._refill(now)
        self._drop_absent(now)
        full = self._tokens >= self._capacity - _ENOUGH
        return full and now >= self._at and not self._queue and not self._recent(now) and self._pace >= 1.0

    def _wait(self, ahead: int, now: float) -> float:
        """Seconds until the turn of one who has so many others ahead."""
        return max(_SHORTEST_WAIT, max(0.0, self._at - now) + (ahead + 1 - self._tokens) / self.rate)

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._capacity, self._tokens + (now - self._at) * self.rate)
            self._at = now

    def _pause(self, now: float, seconds: float) -> None:
        """Hold everybody for a while, after which at most one call is there to be made."""
        self._tokens = min(1.0, self._tokens + seconds * self.rate)
        self._at = now + seconds

    def _hold(self, name: Hashable, place: _Place | None, due: float) -> None:
        if place is not None:
            place.due = due
            return
        self._numbers += 1
        place = _Place(name, self._numbers, due)
        self._places[name] = place
        self._queue.append(place)

    def _drop_absent(self, now: float) -> None:
        while self._queue and now > self._queue[0].due + _GRACE:
            self.release(self._queue[0].name)

    def _take(self, now: float) -> None:
        if not self._slots or now >= self._slots[-1].start + _SLOT:
            self._slots.append(_Slot(now, self._tokens))
        self._slots[-1].calls += 1
        self._tokens -= 1
        self._after_rest = self._capacity == 1 and now - self._taken_at > _RESTED / self.rate
        self._taken_at = now

    def _recent(self, now: float) -> list[_Slot]:
        return [slot for slot in self._slots if slot.start > now - _SLOT * _SLOTS]
