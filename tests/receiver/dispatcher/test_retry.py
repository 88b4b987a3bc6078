"""The retry policy."""

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from receiver.dispatcher.retry import DAY, RetryPolicy, bounded, span

policies = st.builds(
    lambda attempts, first, more, factor: RetryPolicy(attempts, first, first + more, factor),
    st.integers(1, 1000),
    st.floats(0, 1e4),
    st.floats(0, 1e6),
    st.floats(1, 100),
)


def test_the_default_spans_a_day_on_average() -> None:
    policy = RetryPolicy()
    expected = sum(policy.ceiling(attempt) / 2 for attempt in range(1, policy.attempts))
    assert DAY <= expected <= 2 * DAY


def test_the_default_spans_a_day_when_drawn() -> None:
    draw = random.Random(7).random
    policy = RetryPolicy()
    spans = [sum(policy.wait(attempt, draw) for attempt in range(1, policy.attempts)) for _ in range(2000)]
    assert sum(each >= DAY for each in spans) >= 0.985 * len(spans)


@given(policies, st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_waits_are_drawn_from_nothing_to_a_ceiling_that_grows_to_the_most(
    policy: Any, attempt: Any, drawn: Any
) -> None:
    assert 0 <= policy.wait(attempt, lambda: drawn) <= policy.ceiling(attempt) <= policy.most
    assert policy.ceiling(1) == policy.first
    assert policy.ceiling(attempt) <= policy.ceiling(attempt + 1)


@given(st.floats())
def test_whatever_retry_after_says_the_wait_is_at_most_a_day(after: Any) -> None:
    wait = RetryPolicy().wait(1, lambda: 0.0, after)
    assert 0 <= wait <= DAY
    if 0 <= after <= DAY:
        assert wait == after


def test_retry_after_is_a_least_and_not_a_most() -> None:
    assert RetryPolicy(first=100.0, factor=1.0).wait(1, lambda: 0.5, 10.0) == 50.0


def test_age_is_counted_from_creation() -> None:
    policy = RetryPolicy(age=3600.0)
    assert not policy.too_old(1000.0, 4600.0)
    assert policy.too_old(1000.0, 4600.1)
    assert not RetryPolicy().too_old(0.0, math.inf)


@given(st.floats(), st.floats(0, 10), st.floats(10, 20))
def test_bounded_numbers_are_in_bounds(seconds: Any, least: Any, most: Any) -> None:
    assert least <= bounded(seconds, least, most) <= most


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.2 s"), (-1, "0 s"), (1, "1 s"), (90, "2 min"), (90_000, "25 h"), (6 * DAY, "6 d")],
)
def test_spans_read_well(seconds: Any, text: Any) -> None:
    assert span(seconds) == text


def test_the_rules_files_texts_are_taken() -> None:
    policy = TypeAdapter(RetryPolicy).validate_python({"attempts": 12, "first": "5s", "most": "1h"})
    assert policy == RetryPolicy(attempts=12, first=5.0, most=3600.0)


@pytest.mark.parametrize(
    "keys",
    [{"attempts": 0}, {"first": "2h", "most": "1h"}, {"factor": 0.5}, {"first": "soon"}, {"tries": 3}],
)
def test_wrong_keys_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(keys))):
        TypeAdapter(RetryPolicy).validate_python(keys)


def test_the_longest_policy_stays_a_number() -> None:
    policy = RetryPolicy(attempts=1000, factor=100.0)
    assert policy.ceiling(1000) == policy.most
