"""Lines of the log that anybody can cause: some of each kind and how many were left out, or a sum now and then.

A journal takes ten thousand lines of a service in half a minute by default and drops the rest (journald.conf(5)): who
sends nonsense for two seconds must not make it drop those of deliveries, and fill no disk. Counters count all.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from receiver.events import log

_BURST = 100
_PERIOD = 0.5


class Sparing:
    """Logs `_BURST` lines of a kind at once, and then one in `_PERIOD` seconds. Kinds are few, and not a sender's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}

    def log(self, kind: str, logger: logging.Logger, level: int, event: str, /, **facts: Any) -> None:
        """Log an event unless there were too many of its kind; `unsaid` is how many of those were left out before."""
        now = self._clock()
        full_until, unsaid = self._kinds.get(kind, (now, 0))
        if full_until - now > (_BURST - 1) * _PERIOD:
            self._kinds[kind] = full_until, unsaid + 1
            return
        self._kinds[kind] = max(full_until, now) + _PERIOD, 0
        log(logger, level, event, **facts, **({"unsaid": unsaid} if unsaid else {}))


class Sum:
    """How often something happened, told at most once in `every` seconds."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._untold = 0
        self._told_at = float("-inf")

    def add(self) -> int:
        """Count one more: how many there were since the last telling where it is time for the next, else 0."""
        self._untold += 1
        now = time.monotonic()
        if now - self._told_at < self._every:
            return 0
        told, self._untold, self._told_at = self._untold, 0, now
        return told
