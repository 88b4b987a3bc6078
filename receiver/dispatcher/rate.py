"""The rate of a handler: a token bucket."""

import math

_WHOLE = 1.0 - 1e-6
"""What counts as a token: sums of fractions come out a little below a whole one."""


class TokenBucket:
    """At most `rate` starts a second on average and `burst` at once; unlimited where `rate` is None.

    Over any `t` seconds no more than `burst + rate * t` starts. Times are seconds of one clock, which may be set
    back: the time that seems to run backwards earns nothing.
    """

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float | None, burst: int | None = None) -> None:
        """`burst` is one second's worth where it is None, at least 1."""
        self.rate = rate
        self.burst = burst or max(1, math.floor(rate or 1))
        self._tokens = float(self.burst)
        self._at: float | None = None

    def available(self, now: float) -> float:
        """How many tokens there are at `now`, infinite without a rate."""
        if self.rate is None:
            return math.inf
        if self._at is None or now < self._at:
            self._at = now
        return min(float(self.burst), self._tokens + (now - self._at) * self.rate)

    def take(self, now: float) -> bool:
        """Take one token, False where there is none."""
        if self.rate is None:
            return True
        tokens = self.available(now)
        if tokens < _WHOLE:
            return False
        self._tokens, self._at = tokens - 1.0, now
        return True

    def next_at(self, now: float) -> float:
        """When the next one may start."""
        if self.rate is None or (tokens := self.available(now)) >= _WHOLE:
            return now
        return now + (1.0 - tokens) / self.rate

    def adjust(self, rate: float | None, burst: int | None, now: float) -> None:
        """Take another rate without handing out a fresh burst."""
        tokens = self.available(now)
        self.rate = rate
        self.burst = burst or max(1, math.floor(rate or 1))
        self._tokens, self._at = min(float(self.burst), tokens), now
