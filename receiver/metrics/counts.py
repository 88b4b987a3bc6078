"""Counters and histograms as plain numbers: without a lock and without checks, a step costs a push next to nothing.

For one thread each, which steps; others may read. Prometheus' library shows them as numbers of one's own, by a custom
collector.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Add to it."""
        self.value += amount


class Buckets:
    """How many observations were at most each bound, and their sum: a histogram of Prometheus."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` ascend; what lies beyond the last is counted, too."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def observe(self, amount: float) -> None:
        """Add an observation."""
        self._counts[bisect_left(self._bounds, amount)] += 1
        self.sum += amount

    def cumulative(self) -> list[tuple[str, float]]:
        """By each bound, as Prometheus writes it, how many observations were at most that; the last is all."""
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
