"""The way between raised and cleared, driven by values and times that hypothesis thinks of."""

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.alerts.state import AlertState, Change, Hysteresis

POSITIVE = Hysteresis(threshold=0.8, calm=300.0, again=3600.0)
NEGATIVE = Hysteresis(threshold=-1800.0, calm=300.0, again=3600.0)
Looks = list[tuple[float, float | None]]


def looks(by: Hysteresis) -> st.SearchStrategy[Looks]:
    """Pauses between looks, and the values found: around the thresholds, far off, or not known."""
    near = [by.threshold, by.lower, math.nextafter(by.threshold, -math.inf), math.nextafter(by.lower, -math.inf)]
    values = st.sampled_from([*near, by.threshold + 1, by.threshold * 2 if by.threshold > 0 else -1e9, 0.0, None])
    return st.lists(st.tuples(st.sampled_from([0.0, 15.0, 299.0, 300.0, 3600.0]), values), max_size=40)


def walk(steps: Looks, by: Hysteresis, restart: int | None = None) -> list[tuple[float, float | None, Change]]:
    """What is told on the way; the state goes through its written form before the look numbered `restart`."""
    now, state, told = 1_800_000_000.0, AlertState(), []
    for number, (pause, value) in enumerate(steps):
        now += pause
        if number == restart:
            state = AlertState.decode(json.loads(json.dumps(state.encode())))
        state, change = state.step(value, now, by)
        if change:
            told.append((now, value, change))
    return told


@pytest.mark.parametrize("by", [POSITIVE, NEGATIVE], ids=["grows", "time left"])
@given(data=st.data())
def test_raised_and_cleared_take_turns_and_keep_their_distance(by: Hysteresis, data: st.DataObject) -> None:
    told = walk(data.draw(looks(by)), by)
    turns = [change for *_, change in told if change is not Change.STANDING]
    assert turns == [Change.RAISED, Change.CLEARED] * (len(turns) // 2) + [Change.RAISED] * (len(turns) % 2)
    for _, value, change in told:
        assert value is not None
        assert (value >= by.threshold, value < by.lower)[change is Change.CLEARED] or change is Change.STANDING
    raised = [now for now, _, change in told if change is Change.RAISED]
    assert all(later - earlier >= by.calm for earlier, later in pairwise(raised))
    for (before, _, _), (now, _, change) in pairwise(told):
        assert change is not Change.STANDING or now - before >= by.again


@pytest.mark.parametrize("by", [POSITIVE, NEGATIVE], ids=["grows", "time left"])
@given(data=st.data())
def test_a_restart_changes_nothing_of_what_is_told(by: Hysteresis, data: st.DataObject) -> None:
    steps = data.draw(looks(by))
    restart = data.draw(st.integers(0, max(0, len(steps) - 1)))
    assert walk(steps, by, restart) == walk(steps, by)


@given(looks(POSITIVE), st.integers(0, 40))
def test_what_is_not_known_changes_nothing(steps: Looks, place: int) -> None:
    assert walk([*steps[:place], (0.0, None), *steps[place:]], POSITIVE) == walk(steps, POSITIVE)


@given(looks(POSITIVE))
def test_whatever_was_before_a_lasting_state_is_told(steps: Looks) -> None:
    bad = walk([*steps, (300.0, 0.9), (300.0, 0.9), (300.0, 0.9)], POSITIVE)
    assert [change for *_, change in bad if change is not Change.STANDING][-1:] == [Change.RAISED]
    good = walk([*steps, (0.0, 0.1), (300.0, 0.1)], POSITIVE)
    assert [change for *_, change in good if change is not Change.STANDING][-1:] in ([], [Change.CLEARED])


@given(st.lists(st.floats(0.61, 0.79), max_size=100))
def test_between_the_thresholds_nothing_happens(values: list[float]) -> None:
    steps: Looks = [(15.0, value) for value in values]
    assert walk(steps, POSITIVE) == []
    assert [change for *_, change in walk([(0.0, 0.8), *steps], POSITIVE)] == [Change.RAISED]


def test_a_value_that_flaps_is_raised_once() -> None:
    told = walk([(15.0, 0.9 if number % 2 else 0.1) for number in range(200)], POSITIVE)
    assert [change for *_, change in told] == [Change.RAISED]


def test_a_clock_that_is_set_back_neither_blocks_nor_repeats() -> None:
    state, _ = AlertState().step(0.9, 2_000_000_000.0, POSITIVE)
    state, change = state.step(0.9, 1_000_000_000.0, POSITIVE)
    assert (state.raised, change) == (True, None)
    state, _ = state.step(0.1, 1_000_000_100.0, POSITIVE)
    assert state.step(0.1, 1_000_000_400.0, POSITIVE)[1] is Change.CLEARED
    again = AlertState(told=2_000_000_000.0)
    again, change = again.step(0.9, 1_000_000_000.0, POSITIVE)
    assert change is None
    assert again.step(0.9, 1_000_000_300.0, POSITIVE)[1] is Change.RAISED


@pytest.mark.parametrize("fields", [[], {}, {"raised": True}, {"raised": 1, "since": "x", "told": 1, "calm_since": 1}])
def test_a_note_that_is_none_is_refused(fields: object) -> None:
    with pytest.raises(ValueError, match=r"not an alert's state|could not convert"):
        AlertState.decode(fields)
