"""The promises of a usage plan: never too fast, first come first served, nobody forgotten."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.spapi.bucket import Bucket

RATES = st.sampled_from([0.0167, 0.5, 1.0, 2.0, 10.0, 80.0])


def drain(bucket: Bucket, now: float, prefix: str) -> int:
    """Take all there is at once; how much that was."""
    taken = 0
    while bucket.reserve((prefix, taken), now) == 0:
        taken += 1
    bucket.release((prefix, taken))
    return taken


@pytest.mark.parametrize(("burst", "at_once"), [(1, 1), (2, 1), (30, 29)])
def test_a_burst_and_then_the_rate(burst: int, at_once: int) -> None:
    bucket = Bucket(2.0, burst, 0.0)
    assert drain(bucket, 0.0, "first") == at_once
    wait = bucket.reserve("next", 0.0)
    assert wait == pytest.approx(0.5, rel=0.06)
    assert bucket.reserve("next", wait) == 0
    assert drain(bucket, 1e6, "later") == at_once


def test_who_comes_back_after_the_wait_is_let_through_before_who_comes_later() -> None:
    bucket = Bucket(1.0, 1, 0.0)
    assert bucket.reserve("a", 0.0) == 0
    first, second = bucket.reserve("b", 0.0), bucket.reserve("c", 0.0)
    assert bucket.reserve("b", 0.1) == pytest.approx(first - 0.1)
    assert bucket.reserve("late", first) > 0
    assert bucket.reserve("c", first) > 0
    assert bucket.reserve("b", first) == 0
    assert bucket.reserve("c", second) == 0
    assert bucket.waiting == 1


def test_a_place_is_held_ten_seconds_for_one_who_stays_away() -> None:
    bucket = Bucket(1.0, 1, 0.0)
    bucket.reserve("a", 0.0)
    due = bucket.reserve("gone", 0.0)
    assert bucket.reserve("b", due + 9.9) > 0
    assert bucket.reserve("b", due + 10.1) == 0
    assert bucket.waiting == 0


def test_a_place_given_up_moves_the_others_forward() -> None:
    bucket = Bucket(1.0, 1, 0.0)
    bucket.reserve("a", 0.0)
    bucket.reserve("b", 0.0)
    before = bucket.reserve("c", 0.0)
    bucket.release("b")
    bucket.release("never there")
    assert bucket.reserve("c", 0.0) == pytest.approx(before / 2)


def test_the_rate_that_an_answer_names_is_followed() -> None:
    bucket = Bucket(1.0, 1, 0.0)
    bucket.reserve("a", 0.0)
    bucket.follow(10.0)
    assert bucket.reserve("b", 0.0) == pytest.approx(0.1, rel=0.06)
    bucket.follow(None)
    assert bucket.rate == pytest.approx(9.5)


def test_the_first_call_after_a_rest_counts_from_its_answer_where_nothing_is_saved_up() -> None:
    bucket = Bucket(1.0, 1, 0.0)
    assert bucket.reserve("a", 0.0) == 0
    bucket.ended(0.8)
    wait = bucket.reserve("b", 0.8)
    assert wait == pytest.approx(1 / 0.95)
    assert bucket.reserve("b", 0.8 + wait) == 0
    bucket.ended(2.6)
    assert bucket.reserve("c", 2.6) == pytest.approx(0.8 + 2 * wait - 2.6)
    assert bucket.reserve("d", 60.0) == 0
    bucket.ended(60.5)
    assert bucket.reserve("e", 60.5) == pytest.approx(wait)


def test_what_has_saved_up_calls_goes_on_before_the_first_answer() -> None:
    bucket = Bucket(1.0, 3, 0.0)
    assert drain(bucket, 0.0, "first") == 2
    before = bucket.reserve("next", 0.5)
    bucket.ended(0.5)
    assert bucket.reserve("next", 0.5) == before


def test_throttling_pauses_slows_and_recovers() -> None:
    bucket = Bucket(2.0, 10, 0.0)
    assert bucket.throttled(0.0, None, jitter=0.0) == 1.0
    slowed = bucket.rate
    assert slowed < 2.0 * 0.75
    assert bucket.throttled(0.5, None, jitter=0.0) == 0.5
    assert bucket.rate == slowed
    assert bucket.reserve("a", 0.5) >= 0.5
    assert bucket.reserve("a", 1.0) == 0
    assert bucket.reserve("b", 1.0) > 0
    assert bucket.throttled(2.0, None, jitter=0.0) == 2.0
    assert bucket.throttled(9.0, None, jitter=1.0) == 2.0
    for _ in range(30):
        bucket.follow(None)
    assert bucket.rate == pytest.approx(2.0 * 0.97)
    assert bucket.throttled(20.0, None, jitter=0.0) == 1.0


def test_retry_after_is_kept_to_and_a_longer_one_extends_the_pause() -> None:
    bucket = Bucket(2.0, 10, 0.0)
    assert bucket.throttled(0.0, 7.0, jitter=0.5) == 7.0
    assert bucket.throttled(1.0, 3.0, jitter=0.5) == 6.0
    assert bucket.throttled(1.0, 30.0, jitter=0.5) == 30.0
    assert bucket.reserve("a", 30.9) > 0


def test_a_pause_is_bounded_and_the_pace_never_stands_still() -> None:
    bucket, now = Bucket(0.0056, 20, 0.0), 0.0
    for _ in range(50):
        pause = bucket.throttled(now, None, jitter=0.0)
        assert pause <= 120.0
        now += pause
    assert bucket.rate >= 0.0056 * 0.09


def test_the_share_of_the_plan() -> None:
    bucket = Bucket(1.0, 1, 0.0)
    now = 0.0
    for number in range(600):
        while (wait := bucket.reserve(number, now)) > 0:
            now += wait
    assert bucket.share(now) == pytest.approx(1.0, abs=0.02)
    assert bucket.calls(now) == pytest.approx(0.95 * 300, abs=60)
    assert bucket.share(now + 150) < 0.6
    assert bucket.share(now + 301) == 0.0
    assert bucket.idle(now + 301)


def test_one_call_of_many_is_a_small_share() -> None:
    bucket = Bucket(0.5, 30, 0.0)
    bucket.reserve("a", 0.0)
    assert bucket.share(0.0) < 0.05
    assert not bucket.idle(0.0)


@settings(max_examples=200)
@given(
    rate=RATES,
    burst=st.integers(1, 40),
    steps=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 60), st.booleans()), max_size=60),
)
def test_no_window_has_more_than_the_burst_and_the_rate(
    rate: float, burst: int, steps: list[tuple[float, int, bool]]
) -> None:
    bucket, now = Bucket(rate, burst, 0.0), 0.0
    granted: list[float] = []
    for pause, name, throttle in steps:
        now += pause / rate
        if throttle:
            bucket.throttled(now, None, jitter=0.5)
        granted += [now for asked in range(name % 7) if bucket.reserve((name, asked), now) == 0]
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            window = granted[last] - granted[first]
            assert last - first + 1 <= burst + rate * window + 1e-3


@settings(max_examples=200)
@given(rate=RATES, burst=st.integers(1, 40), count=st.integers(1, 80), lateness=st.floats(0, 0.5))
def test_all_who_come_back_are_let_through_in_their_order(rate: float, burst: int, count: int, lateness: float) -> None:
    bucket = Bucket(rate, burst, 0.0)
    due = {name: bucket.reserve(name, 0.0) for name in range(count)}
    order = [name for name, wait in due.items() if wait == 0]
    waiting = {name: wait for name, wait in due.items() if wait > 0}
    asked = 0
    while waiting:
        name = min(waiting, key=lambda item: (waiting[item], item))
        now = waiting[name] + lateness / rate if lateness / rate < 9 else waiting[name]
        wait = bucket.reserve(name, now)
        asked += 1
        if wait == 0:
            order.append(name)
            del waiting[name]
        else:
            waiting[name] = now + wait
    assert order == list(range(count))
    assert asked <= 40 * count
    assert bucket.waiting == 0
