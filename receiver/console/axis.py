"""Axes of charts: which values get a mark, and how they are written. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_NICE = (1, 2, 5, 10)
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))
_TIME_STEPS = (300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800)
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Mark:
    """A value of an axis that is written beside it."""

    value: float
    text: str


def count_marks(highest: float, most: int = 4) -> list[Mark]:
    """Marks from 0 to at least `highest`, whole numbers at round distances."""
    step = max(1, nice_step(highest / most))
    last = max(1, math.ceil(highest / step))
    return [Mark(place * step, short_count(place * step)) for place in range(last + 1)]


def nice_step(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 … that is no less than `least`."""
    if least <= 1:
        return 1
    power = int(10.0 ** math.floor(math.log10(least)))
    return next(step * power for step in _NICE if step * power >= least)


def short_count(value: float) -> str:
    """A count in few characters: `950`, `1.5k`, `12M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def duration_marks(lowest: float, highest: float) -> list[Mark]:
    """Powers of ten around durations of `lowest` to `highest` seconds, for a logarithmic axis."""
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
    powers = range(first, max(last, first + 1) + 1)
    return [Mark(10.0**power, short_duration(10.0**power)) for power in powers]


def short_duration(seconds: float) -> str:
    """A duration in its largest unit: `5 ms`, `2.5 s`, `10 min`."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"


def time_marks(since: int, until: int, most: int) -> list[Mark]:
    """Round times of day (UTC) between two times; whole days are written as dates."""
    step = next((step for step in _TIME_STEPS if (until - since) / step <= most), _DAY * 7)
    first = math.ceil(since / step) * step
    return [Mark(at, _time(at)) for at in range(first, until + 1, step)]


def _time(at: int) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%d %b}" if at % _DAY == 0 else f"{moment:%H:%M}"


def quantile(buckets: Sequence[tuple[float, float, int]], share: float) -> float | None:
    """The value below which a share of observations lies, within its bucket evenly; None without observations.

    `buckets` are lower and upper bounds with how many fell between, ascending. Of an endless bucket the lower bound.
    """
    wanted = share * sum(count for _, _, count in buckets)
    below = 0
    for lower, upper, count in buckets:
        if count and below + count >= wanted:
            return lower if math.isinf(upper) else lower + (upper - lower) * (wanted - below) / count
        below += count
    return None
