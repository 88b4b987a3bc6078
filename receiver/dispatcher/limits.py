"""Time limits of many attempts under one timer: one each was a tenth of the work of a delivery."""

import asyncio
import math
from types import TracebackType


class Limits:
    """The attempts of one worker that are under way. Durations are seconds."""

    def __init__(self) -> None:
        self._running: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = math.inf

    def of(self, seconds: float) -> "Limit":
        """A limit for what the current task does in a `with` statement."""
        return Limit(self, seconds)

    def add(self, limit: "Limit") -> None:
        """Look after a limit from now on."""
        self._running.add(limit)
        if limit.ends_at < self._next_at:
            self._set(limit.ends_at)

    def remove(self, limit: "Limit") -> None:
        """Look after it no more. The timer stays for the next one: most attempts end long before it goes off."""
        self._running.discard(limit)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._next_at = math.inf

    def _set(self, when: float) -> None:
        self.close()
        self._timer, self._next_at = asyncio.get_running_loop().call_at(when, self._expire), when

    def _expire(self) -> None:
        for limit in [limit for limit in self._running if limit.ends_at <= self._next_at]:
            self._running.discard(limit)
            limit.expire()
        self._next_at = math.inf
        if self._running:
            self._set(min(limit.ends_at for limit in self._running))


class Limit:
    """Cancels its task at its end, as asyncio.timeout does, but lets what that raised pass: see `expired`."""

    __slots__ = ("_limits", "_task", "ends_at", "expired")

    def __init__(self, limits: Limits, seconds: float) -> None:
        self._limits = limits
        self._task = asyncio.current_task()
        self.ends_at = asyncio.get_running_loop().time() + seconds
        self.expired = False

    def expire(self) -> None:
        """The time is over."""
        self.expired = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> None:
        self._limits.add(self)

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._limits.remove(self)
        if self.expired and self._task is not None:
            self._task.uncancel()
