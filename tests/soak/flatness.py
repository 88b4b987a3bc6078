"""Whether a measured quantity stays flat: the slope of all its samples, which no single peak can bend."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much a quantity may grow over the judged time: a share of its median, or a fixed amount if that is more."""

    share: float
    amount: float

    def of(self, median: float) -> float:
        """The growth that is allowed at a median."""
        return max(self.share * median, self.amount)


@dataclass(frozen=True, slots=True)
class Trend:
    """What became of a quantity over the judged time."""

    name: str
    unit: str
    median: float
    growth: float
    """By the slope, from the beginning to the end of the judged time."""
    allowed: float

    @property
    def flat(self) -> bool:
        """Whether it grew no more than is allowed."""
        return self.growth <= self.allowed

    def __str__(self) -> str:
        verdict = "flat" if self.flat else "GROWS"
        return (
            f"{self.name:<14} median {self.median:10.2f} {self.unit:<4} growth {self.growth:+9.2f} "
            f"(allowed {self.allowed:.2f}) {verdict}"
        )


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The median of the slopes between all pairs of samples (Theil 1950, Sen 1968); 0 for fewer than two."""
    points = sorted(zip(times, values, strict=True))
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    return statistics.median(slopes) if slopes else 0.0


def trend(name: str, unit: str, times: Sequence[float], values: Sequence[float], allowance: Allowance) -> Trend:
    """Judge samples, of which there must be two at least. Raises ValueError."""
    if len(times) < 2:
        raise ValueError(f"{name}: {len(times)} samples are too few to tell a trend")
    median = statistics.median(values)
    return Trend(name, unit, median, slope(times, values) * (max(times) - min(times)), allowance.of(median))
