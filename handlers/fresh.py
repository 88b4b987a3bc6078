"""Values that change under a running daemon, rotated secrets above all: kept briefly, then read again."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LIFETIME = 2.0
"""Seconds: a rotation is taken in that fast, and thousands of requests a second share one reading."""


class Fresh(Generic[T]):
    """A value that is read at most once in `lifetime` seconds. `clock` gives seconds and may jump."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], float], lifetime: float = LIFETIME) -> None:
        self._read = read
        self._clock = clock
        self._lifetime = lifetime
        self._kept: tuple[T, float] | None = None

    def get(self) -> T:
        """The value. Raises what reading it raises, each time until reading succeeds."""
        now = self._clock()
        if self._kept is not None and 0 <= now - self._kept[1] < self._lifetime:
            return self._kept[0]
        self._kept = None
        value = self._read()
        self._kept = (value, now)
        return value
