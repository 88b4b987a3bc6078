"""How often something may be done: a token bucket."""

from collections.abc import Callable


class Budget:
    """`burst` times at once, then `rate` times a second. `ticks` is a monotonic clock in seconds."""

    def __init__(self, burst: int, rate: float, ticks: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._rate = rate
        self._ticks = ticks
        self._left = float(burst)
        self._counted_at = ticks()

    def take(self) -> bool:
        """Use one up, or say that none is left."""
        now = self._ticks()
        self._left = min(self._burst, self._left + (now - self._counted_at) * self._rate)
        self._counted_at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def give_back(self) -> None:
        """Let one that was used up be used again."""
        self._left = min(self._burst, self._left + 1.0)
