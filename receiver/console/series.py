"""From minutes to charts: counts gathered into intervals, and latencies read out of their buckets. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from receiver.console.axis import quantile
from receiver.console.charts import Chart, Series
from receiver.history import named
from receiver.inbox.minutes import Minute

_SHARES = ((0.5, "median", "tone-1"), (0.95, "95 of 100", "tone-2"), (0.99, "99 of 100", "tone-4"))


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time to look at."""

    name: str
    text: str
    seconds: int
    step: int
    """Seconds of an interval of its charts."""
    each: str
    """An interval in words."""


SPANS = (
    Span("1h", "hour", 3600, 60, "minute"),
    Span("6h", "6 hours", 6 * 3600, 300, "5 minutes"),
    Span("24h", "day", 86400, 1200, "20 minutes"),
    Span("7d", "week", 7 * 86400, 3 * 3600, "3 hours"),
    Span("14d", "2 weeks", 14 * 86400, 6 * 3600, "6 hours"),
)


def span_of(name: str) -> Span:
    """The span of a name, the first where there is none of it."""
    return next((span for span in SPANS if span.name == name), SPANS[0])


class Intervals:
    """Minutes gathered into the intervals of a span that ends now."""

    def __init__(self, span: Span, minutes: Iterable[Minute], now: float) -> None:
        self.span = span
        until = math.ceil(now / span.step) * span.step
        self.since = until - span.seconds
        self.counts: list[Counter[str]] = [Counter() for _ in range(span.seconds // span.step)]
        for minute in minutes:
            place = (minute.at - self.since) // span.step
            if 0 <= place < len(self.counts):
                self.counts[place].update(minute.counts)
        self.total: Counter[str] = sum(self.counts, Counter())

    def of(self, name: str) -> int:
        """How often something happened in the whole span; of a name with parts, all of them."""
        return self.total[name] + sum(self.by(name).values())

    def by(self, name: str) -> Mapping[str, int]:
        """The counts of a name by what stands behind it, the most first."""
        return dict(sorted(named(self.total, name).items(), key=lambda item: -item[1]))

    def values(self, *names: str) -> Sequence[float]:
        """How often any of some things happened, by interval; a name ending in a blank means all behind it."""
        return [sum(_count(counts, name) for name in names) for counts in self.counts]


def _count(counts: Mapping[str, int], name: str) -> int:
    return sum(named(counts, name[:-1]).values()) if name.endswith(" ") else counts.get(name, 0)


def charts_of(intervals: Intervals) -> list[Chart]:
    """The charts of the overview."""
    each = f"per {intervals.span.each}"
    arrivals = [
        Series("accepted", "tone-1", intervals.values("accepted")),
        Series("repeats", "tone-5", intervals.values("duplicates")),
        Series("refused", "tone-4", intervals.values("refused ")),
        Series("not now (503)", "tone-3", intervals.values("unavailable ")),
    ]
    outcomes = [
        Series("done", "tone-2", intervals.values("deliveries done")),
        Series("tried again", "tone-3", intervals.values("attempts retry")),
        Series("dead", "tone-4", intervals.values("deliveries dead")),
    ]
    return [
        _chart(intervals, "Arrivals", each, arrivals),
        _chart(intervals, "Outcomes of deliveries", each, outcomes),
        _chart(intervals, "From push to answer", "time until SNS has its 200", _latencies(intervals, "push"), True),
        _chart(
            intervals, "From push to done", "time until a delivery has ended", _latencies(intervals, "delivery"), True
        ),
    ]


def _chart(intervals: Intervals, title: str, unit: str, series: Sequence[Series], durations: bool = False) -> Chart:
    return Chart(title, unit, intervals.since, intervals.span.step, series, durations)


def _latencies(intervals: Intervals, name: str) -> list[Series]:
    buckets = [sorted(_bucket(*item) for item in named(counts, name).items()) for counts in intervals.counts]
    return [Series(text, tone, [quantile(each, share) for each in buckets]) for share, text, tone in _SHARES]


def _bucket(bounds: str, count: int) -> tuple[float, float, int]:
    lower, _, upper = bounds.partition("..")
    return float(lower), float(upper), count
