"""The token bucket."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.dispatcher.rate import TokenBucket

steps = st.lists(st.one_of(st.floats(0, 3), st.floats(-100, 0)), max_size=200)


@given(st.floats(0.01, 50), st.one_of(st.none(), st.integers(1, 20)), st.lists(st.floats(0, 3), max_size=200))
def test_no_span_of_time_sees_more_than_burst_and_rate_allow(rate: Any, burst: Any, waits: Any) -> None:
    bucket, now, taken = TokenBucket(rate, burst), 1000.0, []
    for wait in waits:
        now += wait
        while bucket.take(now):
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= bucket.burst + rate * (taken[last] - start) + 1e-6


@given(st.floats(0.01, 50), st.integers(1, 20), st.floats(0, 1e6))
def test_the_next_start_is_as_early_as_the_rate_allows(rate: Any, burst: Any, now: Any) -> None:
    bucket = TokenBucket(rate, burst)
    while bucket.take(now):
        pass
    due = bucket.next_at(now)
    assert now < due <= now + 1 / rate + 1e-6
    assert bucket.take(due + 1e-6)
    assert not bucket.take(due + 1e-6)


@given(steps)
def test_a_clock_that_is_set_back_earns_nothing(waits: Any) -> None:
    bucket, now, taken, forward = TokenBucket(10.0, 5), 1000.0, 0, 0.0
    for wait in waits:
        now += wait
        forward += max(wait, 0.0)
        while bucket.take(now):
            taken += 1
    assert taken <= 5 + 10 * forward + 1e-6


def test_without_a_rate_anything_goes() -> None:
    bucket = TokenBucket(None)
    assert all(bucket.take(0.0) for _ in range(1000))
    assert bucket.available(0.0) == math.inf
    assert bucket.next_at(5.0) == 5.0


@pytest.mark.parametrize(("rate", "burst"), [(20.0, 20), (1.67, 1), (0.01, 1)])
def test_the_burst_is_one_seconds_worth(rate: Any, burst: Any) -> None:
    assert TokenBucket(rate).burst == burst


def test_another_rate_hands_out_no_fresh_burst() -> None:
    bucket = TokenBucket(10.0, 10)
    for _ in range(10):
        bucket.take(0.0)
    bucket.adjust(20.0, 20, 0.0)
    assert bucket.available(0.0) == 0.0
    bucket.adjust(20.0, 5, 10.0)
    assert bucket.available(10.0) == 5.0
    bucket.adjust(None, None, 10.0)
    assert bucket.take(10.0)
    bucket.adjust(1.0, None, 10.0)
    assert bucket.available(10.0) == 1.0
