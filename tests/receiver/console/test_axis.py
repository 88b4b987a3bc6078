"""Axes: round marks that hold every value, and quantiles out of buckets."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.console.axis import count_marks, duration_marks, quantile, short_count, short_duration, time_marks

DAY = 86400


@given(st.floats(0, 1e12))
def test_counts_lie_within_few_marks_at_whole_numbers(highest: float) -> None:
    marks = count_marks(highest)
    assert marks[0].value == 0
    assert marks[-1].value >= highest
    assert 2 <= len(marks) <= 6
    assert all(mark.value == int(mark.value) for mark in marks)
    assert len({mark.text for mark in marks}) == len(marks)


@given(st.floats(1e-4, 1e6), st.floats(1, 1e4))
def test_durations_lie_within_powers_of_ten(lowest: float, factor: float) -> None:
    marks = duration_marks(lowest, lowest * factor)
    assert len(marks) >= 2
    assert marks[0].value <= lowest * 1.0001
    assert marks[-1].value >= lowest * factor * 0.9999
    assert [mark.value for mark in marks] == sorted(mark.value for mark in marks)


@pytest.mark.parametrize(("span", "most"), [(3600, 8), (6 * 3600, 4), (DAY, 8), (7 * DAY, 4), (14 * DAY, 8)])
def test_times_are_round_and_no_more_than_fit(span: int, most: int) -> None:
    since = 1_790_000_040
    marks = time_marks(since, since + span, most)
    assert 1 <= len(marks) <= most + 1
    assert all(since <= mark.value <= since + span and mark.value % 300 == 0 for mark in marks)


def test_midnight_is_written_as_its_day() -> None:
    assert [mark.text for mark in time_marks(0, DAY, 4)] == ["01 Jan", "06:00", "12:00", "18:00", "02 Jan"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (950, "950"), (1500, "1.5k"), (12_000_000, "12M"), (2e9, "2G"), (0.5, "0.5")]
)
def test_counts_are_short(value: float, text: str) -> None:
    assert short_count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.005, "5 ms"), (0.0005, "0.5 ms"), (2.5, "2.5 s"), (600, "10 min"), (7200, "2 h"), (DAY, "1 d")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text


def test_a_quantile_lies_within_its_bucket() -> None:
    buckets = [(0.0, 1.0, 50), (1.0, 2.0, 40), (2.0, math.inf, 10)]
    assert quantile(buckets, 0.5) == 1.0
    assert quantile(buckets, 0.7) == 1.5
    assert quantile(buckets, 0.25) == 0.5
    assert quantile(buckets, 0.99) == 2.0
    assert quantile([(2.0, 5.0, 4)], 0.5) == 3.5
    assert quantile([], 0.5) is None
    assert quantile([(0.0, 1.0, 0)], 0.5) is None


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_has_its_share_below_it(counts: list[int], share: float) -> None:
    buckets = [(float(place), place + 1.0, count) for place, count in enumerate(counts)]
    value = quantile(buckets, share)
    if value is None:
        assert not any(counts)
    else:
        assert counts[min(int(value), len(counts) - 1)] or counts[int(value) - 1]
        assert sum(count for lower, _, count in buckets if lower < value) >= share * sum(counts) - 1e-6
