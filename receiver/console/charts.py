"""Charts as SVG, drawn on the server: stacked bars of counts and lines of durations, with axes, units and legends.

Each comes in a wide and a narrow form, of which the style sheet shows one: text keeps its size on a phone. Colours are
classes of the style sheet; nothing is styled in place, which the pages' Content-Security-Policy forbids. Pure.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from receiver.console.axis import Mark, count_marks, duration_marks, short_count, short_duration, time_marks
from receiver.console.wording import ABSENT

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 10.0, 10.0, 22.0
_GAP = 0.18


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one thing, one for each interval; None where there is none."""

    name: str
    tone: str
    """The class that colours it."""
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows, with the same number of values in each series."""

    title: str
    unit: str
    """Of the values: `notifications per minute`."""
    since: int
    step: int
    """Seconds of an interval."""
    series: Sequence[Series]
    durations: bool = False
    """Values are seconds, on a logarithmic axis, drawn as lines; else counts, drawn as stacked bars."""

    @property
    def count(self) -> int:
        """How many intervals."""
        return len(self.series[0].values)

    @property
    def until(self) -> int:
        """The end of the last interval."""
        return self.since + self.count * self.step

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(value for series in self.series for value in series.values)

    def rows(self) -> Iterator[tuple[int, list[float | None]]]:
        """The beginnings of intervals in which something was, the latest first, with the values of all series."""
        for place in reversed(range(self.count)):
            values = [series.values[place] for series in self.series]
            if any(values):
                yield self.since + place * self.step, values

    def summary(self) -> str:
        """The chart in a sentence, for those who do not see it."""
        parts = []
        for series in self.series:
            values = [value for value in series.values if value is not None]
            if self.durations:
                parts.append(f"{series.name} up to {short_duration(max(values))}" if values else f"{series.name} none")
            else:
                parts.append(f"{series.name} {short_count(sum(values))}")
        return f"{self.title}, {self.unit}: {', '.join(parts)}."


@dataclass(frozen=True, slots=True)
class Frame:
    """Where values lie in a drawing."""

    width: float
    height: float
    since: int
    until: int
    lowest: float
    highest: float
    logarithmic: bool

    def x(self, at: float) -> float:
        """The place of a time."""
        return _LEFT + (at - self.since) / (self.until - self.since) * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """The place of a value, within the frame whatever it is."""
        if self.logarithmic:
            low, high = math.log10(self.lowest), math.log10(self.highest)
            share = (math.log10(max(value, self.lowest)) - low) / (high - low)
        else:
            share = value / self.highest
        return self.height - _BOTTOM - min(share, 1.0) * (self.height - _TOP - _BOTTOM)

    @property
    def floor(self) -> float:
        """The place of the time axis."""
        return self.height - _BOTTOM


def draw(chart: Chart) -> Markup:
    """The chart's drawings, wide and narrow."""
    return Markup("").join([_drawing(chart, "wide", 640.0, 190.0, 8), _drawing(chart, "narrow", 340.0, 170.0, 4)])


def _drawing(chart: Chart, form: str, width: float, height: float, most_times: int) -> Markup:
    marks = _marks(chart)
    lowest, highest = marks[0].value, marks[-1].value
    frame = Frame(width, height, chart.since, chart.until, lowest, highest, chart.durations)
    parts = [
        Markup('<svg class="chart {}" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">').format(
            form, width, height, chart.summary()
        ),
        *_grid(frame, marks),
        *_times(frame, time_marks(chart.since, chart.until, most_times)),
        *(_lines(chart, frame) if chart.durations else _bars(chart, frame)),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def _marks(chart: Chart) -> list[Mark]:
    values = [value for series in chart.series for value in series.values if value]
    if chart.durations:
        return duration_marks(max(min(values, default=0.001), 1e-4), max(values, default=1.0))
    totals = (sum(series.values[place] or 0 for series in chart.series) for place in range(chart.count))
    return count_marks(max(totals, default=0))


def _grid(frame: Frame, marks: Iterable[Mark]) -> Iterable[Markup]:
    for mark in marks:
        y = frame.y(mark.value)
        yield Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _LEFT, frame.width - _RIGHT, y, y
        )
        yield Markup('<text class="mark" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>').format(
            _LEFT - 6, y + 3.5, mark.text
        )


def _times(frame: Frame, marks: Iterable[Mark]) -> Iterable[Markup]:
    for mark in marks:
        x = frame.x(mark.value)
        anchor = "middle" if x < frame.width - 24 else "end"
        yield Markup('<line class="tick" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
            x, x, frame.floor, frame.floor + 4
        )
        yield Markup('<text class="mark" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
            x, frame.floor + 16, anchor, mark.text
        )


def _bars(chart: Chart, frame: Frame) -> Iterable[Markup]:
    """Stacked bars: one path for each series, so that a page stays small."""
    below = [0.0] * chart.count
    for series in chart.series:
        path = []
        for place, value in enumerate(series.values):
            if value:
                left = frame.x(chart.since + (place + _GAP / 2) * chart.step)
                right = frame.x(chart.since + (place + 1 - _GAP / 2) * chart.step)
                bottom, top = frame.y(below[place]), frame.y(below[place] + value)
                path.append(f"M{left:.1f} {bottom:.1f}V{top:.1f}H{right:.1f}V{bottom:.1f}Z")
                below[place] += value
        if path:
            yield Markup('<path class="bar {}" d="{}"><title>{}</title></path>').format(
                series.tone, "".join(path), series.name
            )


def _lines(chart: Chart, frame: Frame) -> Iterable[Markup]:
    """Lines through the middles of intervals, broken where there is no value; single values are points."""
    for series in chart.series:
        for run in _runs(series.values):
            points = [(frame.x(chart.since + (place + 0.5) * chart.step), frame.y(value)) for place, value in run]
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            kind, end = ("line point", "h0.1") if len(points) == 1 else ("line", "")
            yield Markup('<path class="{} {}" d="M{}{}"><title>{}</title></path>').format(
                kind, series.tone, path, end, series.name
            )


def _runs(values: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def legend(chart: Chart) -> Markup:
    """The series by name and colour, with their sums where they are counts."""
    items = []
    for series in chart.series:
        total = "" if chart.durations else f" {short_count(sum(value or 0 for value in series.values))}"
        items.append(
            Markup('<li><svg class="key {}" viewBox="0 0 10 10" aria-hidden="true">{}</svg>{}<b>{}</b></li>').format(
                series.tone, Markup('<rect width="10" height="10" rx="2"/>'), series.name, total
            )
        )
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


def written(chart: Chart, value: float | None) -> str:
    """A value for the table of a chart's numbers."""
    if value is None:
        return ABSENT
    return short_duration(value) if chart.durations else f"{value:,.0f}"
