import random
from collections.abc import Iterator
from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notification import Envelope, read
from receiver.simulators.sns.envelopes import Shape
from receiver.simulators.sns.examples import load
from receiver.simulators.sns.plan import Planned, Repeat, Spec, plan

EXAMPLES = load()


def planned(spec: Spec, seed: int = 0) -> Iterator[Planned]:
    ticks = count(1_800_000_000)
    return plan(spec, random.Random(seed), lambda: float(next(ticks)))


def dedup_key(one: Planned) -> str:
    return read(Envelope(one.message, one.message_id, "arn", one.sent_at))[0].dedup_key


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 120), st.floats(0, 1), st.integers(0, 1000), st.sampled_from(Shape))
def test_a_plan_has_what_was_asked_for(number: int, share: float, seed: int, shape: Shape) -> None:
    spec = Spec(EXAMPLES, number, shape, share)
    messages = list(planned(spec, seed))
    assert len(messages) == spec.total
    assert [one.number for one in messages] == list(range(len(messages)))
    assert len({dedup_key(one) for one in messages}) == number
    assert abs(sum(one.repeat is not None for one in messages) - number * share) <= 1


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 100), st.floats(0.1, 1), st.integers(0, 1000))
def test_repeats_follow_their_originals(number: int, share: float, seed: int) -> None:
    originals: dict[str, Planned] = {}
    for one in planned(Spec(EXAMPLES, number, Shape.PLAIN, share), seed):
        if one.repeat is None:
            originals[one.notification_id] = one
            continue
        first = originals.pop(one.notification_id)
        same = (first.message_id, first.message, first.sent_at) == (one.message_id, one.message, one.sent_at)
        assert same == (one.repeat is Repeat.SNS)
        assert (first.message_id == one.message_id) == (one.repeat is Repeat.SNS)


def test_both_kinds_of_repeats_come_among_the_others() -> None:
    messages = list(planned(Spec(EXAMPLES, 400, Shape.PLAIN, 0.25)))
    repeats = [one for one in messages if one.repeat]
    assert {one.repeat for one in repeats} == set(Repeat)
    assert repeats[0].number < 100
    originals = {one.notification_id: one.number for one in messages if not one.repeat}
    assert max(one.number - originals[one.notification_id] for one in repeats) < 110


def test_every_example_comes_before_any_comes_again() -> None:
    kinds = [one.type for one in planned(Spec(EXAMPLES, 2 * len(EXAMPLES)))]
    expected = sorted(example.type for example in EXAMPLES)
    assert sorted(kinds[: len(EXAMPLES)]) == expected
    assert sorted(kinds[len(EXAMPLES) :]) == expected


def test_the_seed_decides() -> None:
    spec = Spec(EXAMPLES, 50, Shape.MIXED, 0.3)
    assert list(planned(spec, 7)) == list(planned(spec, 7))
    assert list(planned(spec, 7)) != list(planned(spec, 8))


def test_a_plan_without_end_is_made_as_it_is_asked_for() -> None:
    spec = Spec(EXAMPLES, None, Shape.PLAIN, 0.5)
    assert spec.total is None
    messages = list(islice(planned(spec), 300))
    assert sum(one.repeat is not None for one in messages) == pytest.approx(100, abs=25)
