"""Charts: sound SVG with axes, units and words, whatever the values and the names."""

import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.console.charts import Chart, Series, draw, legend
from receiver.console.series import SPANS, Intervals, Span, charts_of, span_of
from receiver.inbox.minutes import Minute

EVIL = "<script>&\"'"


def parsed(chart: Chart) -> ET.Element:
    return ET.fromstring(f"<div>{draw(chart)}{legend(chart)}</div>")


@given(
    st.lists(st.lists(st.none() | st.floats(0, 1e9) | st.just(0.0), min_size=5, max_size=5), min_size=1, max_size=4),
    st.booleans(),
)
def test_whatever_the_values_the_drawing_is_sound_and_within_its_frame(values: list[list[float]], lines: bool) -> None:
    series = [Series(f"{EVIL}{place}", "tone-1", each) for place, each in enumerate(values)]
    root = parsed(Chart(EVIL, "per minute", 1_790_000_000, 60, series, lines))
    for drawing in root.findall("svg[@viewBox]")[:2]:
        _, _, width, height = map(float, drawing.attrib["viewBox"].split())
        for text in drawing.findall("text"):
            assert 0 <= float(text.attrib["x"]) <= width
            assert 0 <= float(text.attrib["y"]) <= height
        assert "nan" not in ET.tostring(drawing, "unicode")


def test_a_chart_says_in_words_what_it_shows() -> None:
    chart = Chart("Arrivals", "per minute", 0, 60, [Series("accepted", "tone-1", [1, 2, 3])])
    assert chart.summary() == "Arrivals, per minute: accepted 6."
    drawing = parsed(chart).find("svg")
    assert drawing is not None
    assert drawing.attrib["role"] == "img"
    assert drawing.attrib["aria-label"] == chart.summary()
    latency = Chart(
        "Latency", "time", 0, 60, [Series("median", "tone-1", [None, 0.25]), Series("most", "x", [None, None])], True
    )
    assert latency.summary() == "Latency, time: median up to 250 ms, most none."


def test_nothing_is_styled_in_place() -> None:
    chart = Chart("Arrivals", "per minute", 0, 60, [Series("accepted", "tone-1", [1, 2, 3])])
    assert "style=" not in draw(chart) + legend(chart)


def test_bars_stand_on_each_other_up_to_the_sum() -> None:
    chart = Chart("A", "u", 0, 60, [Series("a", "tone-1", [4.0]), Series("b", "tone-2", [6.0])])
    wide = parsed(chart).findall("svg")[0]
    first, second = [path.attrib["d"] for path in wide.findall("path")]
    top_of_first = first.split("V")[1].split("H")[0]
    assert second.split()[1].startswith(top_of_first)


@pytest.mark.parametrize("span", SPANS)
def test_minutes_are_gathered_into_the_intervals_of_a_span(span: Span) -> None:
    now = 1_790_000_123.0
    minutes = [Minute(int(now) // 60 * 60 - 60 * back, {"accepted": 1, "refused a": 2}) for back in range(60)]
    intervals = Intervals(span, minutes, now)
    assert len(intervals.counts) <= 72
    assert intervals.of("accepted") == 60
    assert intervals.of("refused") == 120
    assert sum(intervals.values("refused ")) == 120
    assert intervals.by("refused") == {"a": 120}
    assert intervals.since + span.seconds >= now


def test_what_is_older_than_the_span_is_left_out() -> None:
    intervals = Intervals(SPANS[0], [Minute(0, {"accepted": 1})], 1_790_000_000.0)
    assert intervals.total == Counter()
    assert all(chart.empty for chart in charts_of(intervals))


def test_latencies_come_out_of_their_buckets() -> None:
    now = 1_790_000_123.0
    minute = Minute(int(now) // 60 * 60, {"push 0.002..0.005": 98, "push 0.01..0.02": 2, "delivery 86400..inf": 1})
    _, _, push, done = charts_of(Intervals(SPANS[0], [minute], now))
    median, _, most = [series.values[-1] for series in push.series]
    assert median == pytest.approx(0.0035, abs=1e-3)
    assert most == pytest.approx(0.015)
    assert done.series[0].values[-1] == 86400


def test_an_unknown_span_is_the_first() -> None:
    assert span_of("<x>") is SPANS[0]
    assert span_of("7d").seconds == 7 * 86400


def test_a_value_alone_is_a_point_that_can_be_seen() -> None:
    chart = Chart(
        "From push to answer", "time", 1_790_000_000, 60, [Series("median", "tone-1", [None, 0.1, None])], True
    )
    assert len(re.findall(r'class="line point tone-1" d="M[0-9.]+ [0-9.]+h0.1"', draw(chart))) == 2
