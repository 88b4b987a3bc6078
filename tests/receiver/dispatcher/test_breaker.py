"""The circuit breaker, against a model of what it is for."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import TypeAdapter, ValidationError

from receiver.dispatcher.breaker import Breaker, BreakerPolicy, BreakerState, Phase

POLICY = BreakerPolicy(ratio=0.5, calls=4, window=10.0, open_for=5.0, most=20.0)


def failing(breaker: Breaker, times: int, now: float = 100.0) -> Phase | None:
    phase = None
    for _ in range(times):
        phase = breaker.leave(breaker.enter(now), False, now, "down") or phase
    return phase


def test_it_opens_when_enough_of_enough_calls_fail() -> None:
    breaker = Breaker(POLICY)
    assert failing(breaker, 3) is None
    assert failing(breaker, 1) is Phase.OPEN
    assert breaker.state == BreakerState(Phase.OPEN, 100.0, 105.0, 1, "down")
    assert breaker.admits(104.9) == 0
    assert breaker.next_at(101.0) == 105.0


def test_successes_keep_it_closed_below_the_ratio() -> None:
    breaker = Breaker(POLICY)
    for number in range(100):
        ticket = breaker.enter(100.0)
        assert breaker.leave(ticket, number % 5 < 3, 100.0) is None


def test_failures_before_the_window_are_forgotten() -> None:
    breaker = Breaker(POLICY)
    for second in range(0, 1000, 12):
        assert failing(breaker, 2, float(second)) is None
        assert breaker.leave(breaker.enter(second + 1.0), True, second + 1.0) is None


def test_failures_in_a_row_open_it_however_slowly_they_come() -> None:
    breaker = Breaker(POLICY)
    assert [failing(breaker, 1, 3600.0 * hour) for hour in range(4)] == [None, None, None, Phase.OPEN]


def test_one_probe_at_a_time_and_a_success_closes_it() -> None:
    breaker = Breaker(POLICY)
    failing(breaker, 4)
    assert breaker.admits(105.0) == 1
    ticket = breaker.enter(105.0)
    assert breaker.state.phase is Phase.HALF_OPEN
    assert breaker.admits(200.0) == 0
    assert breaker.next_at(105.0) == float("inf")
    assert breaker.leave(ticket, True, 106.0) is Phase.CLOSED
    assert breaker.admits(106.0) is None
    assert failing(breaker, 3, 106.0) is None


def test_pauses_double_up_to_the_most() -> None:
    breaker = Breaker(POLICY)
    failing(breaker, 4, 0.0)
    pauses, now = [], 0.0
    for _ in range(5):
        pauses.append(breaker.state.until - now)
        now = breaker.state.until
        assert breaker.leave(breaker.enter(now), False, now, "still down") is Phase.OPEN
    assert pauses == [5.0, 10.0, 20.0, 20.0, 20.0]
    assert breaker.state.since == 0.0


def test_a_probe_that_says_nothing_makes_room_for_the_next() -> None:
    breaker = Breaker(POLICY)
    failing(breaker, 4)
    assert breaker.leave(breaker.enter(105.0), None, 105.0) is None
    assert breaker.admits(105.0) == 1


def test_calls_that_began_before_it_opened_count_for_nothing() -> None:
    breaker = Breaker(POLICY)
    early = [breaker.enter(100.0) for _ in range(3)]
    failing(breaker, 4)
    assert breaker.leave(early[0], True, 101.0) is None
    probe = breaker.enter(105.0)
    assert breaker.leave(early[1], True, 105.0) is None
    assert breaker.state.phase is Phase.HALF_OPEN
    breaker.leave(probe, True, 106.0)
    assert breaker.leave(early[2], False, 106.0) is None


def test_its_state_survives_a_restart() -> None:
    breaker = Breaker(POLICY)
    failing(breaker, 4)
    again = Breaker(POLICY, BreakerState.decode(breaker.state.encode()))
    assert again.state == breaker.state
    assert again.admits(104.0) == 0
    assert again.admits(105.0) == 1
    again.enter(105.0)
    probing = Breaker(POLICY, BreakerState.decode(again.state.encode()))
    assert probing.admits(105.0) == 1
    assert Breaker(POLICY).state.encode() == b""


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b"{}", b'{"phase":"ajar"}', b'{"phase":"open","since":null}'])
def test_a_broken_note_is_an_error(note: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        BreakerState.decode(note)


def test_a_clock_that_is_set_back_does_not_keep_it_open_for_long() -> None:
    breaker = Breaker(POLICY)
    failing(breaker, 4, 1_000_000.0)
    assert breaker.admits(100.0) == 0
    assert breaker.admits(120.0) == 1


def test_without_a_policy_it_never_opens() -> None:
    breaker = Breaker(None, BreakerState(Phase.OPEN, 1.0, 1e12, 3, "old"))
    assert failing(breaker, 100) is None
    assert breaker.admits(0.0) is None


def test_another_policy_keeps_what_is_known() -> None:
    breaker = Breaker(POLICY)
    failing(breaker, 4)
    breaker.adjust(BreakerPolicy(calls=7))
    assert breaker.admits(101.0) == 0
    breaker.adjust(None)
    assert breaker.admits(101.0) is None


@pytest.mark.parametrize(
    "keys",
    [{"ratio": 0}, {"ratio": 2}, {"calls": 0}, {"window": "0s"}, {"open_for": "1h"}, {"open": "1s"}],
)
def test_wrong_keys_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(keys))):
        TypeAdapter(BreakerPolicy).validate_python(keys)


class BreakerMachine(RuleBasedStateMachine):
    """Random calls, results, pauses and restarts."""

    @initialize(ratio=st.floats(0.1, 1), calls=st.integers(1, 8))
    def begin(self, ratio: float, calls: int) -> None:
        self.policy = BreakerPolicy(ratio, calls, window=10.0, open_for=2.0, most=9.0)
        self.breaker = Breaker(self.policy)
        self.now = 1000.0
        self.running: list[tuple[object, int]] = []
        self.spell = 0
        self.results: list[tuple[float, bool]] = []
        self.in_a_row = 0

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.breaker.admits(self.now) != 0)
    @rule()
    def start(self) -> None:
        if self.breaker.state.phase is not Phase.CLOSED:
            assert self.now >= self.breaker.state.until
            self.spell += self.breaker.state.phase is Phase.OPEN
        self.running.append((self.breaker.enter(self.now), self.spell))

    @precondition(lambda self: self.running)
    @rule(place=st.integers(0, 100), success=st.sampled_from([True, False, False, None]))
    def end(self, place: int, success: bool | None) -> None:
        ticket, spell = self.running.pop(place % len(self.running))
        before = self.breaker.state.phase
        after = self.breaker.leave(ticket, success, self.now, "down")
        if spell != self.spell or success is None:
            assert after is None
            return
        if before is Phase.HALF_OPEN:
            assert after is (Phase.CLOSED if success else Phase.OPEN)
        else:
            self.results.append((self.now, success))
            self.in_a_row = 0 if success else self.in_a_row + 1
            self._check_opening(after, success)
        if after is not None:
            self.spell += 1
            self.results, self.in_a_row = [], 0

    def _check_opening(self, after: Phase | None, success: bool) -> None:
        """The window is counted in slices of a tenth: one of them may be in or out."""
        certain = [ok for at, ok in self.results if at > self.now - 9.0]
        possible = [ok for at, ok in self.results if at > self.now - 10.0]
        if after is Phase.OPEN:
            assert not success
            assert len(possible) >= self.policy.calls or self.in_a_row >= self.policy.calls
        elif not success and len(certain) == len(possible):
            failures = certain.count(False)
            assert self.in_a_row < self.policy.calls
            assert len(certain) < self.policy.calls or failures < self.policy.ratio * len(certain)

    @rule()
    def restart(self) -> None:
        note = self.breaker.state.encode()
        self.breaker = Breaker(self.policy, BreakerState.decode(note) if note else None)
        self.running, self.results, self.spell, self.in_a_row = [], [], 0, 0

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "breaker"):
            return
        state = self.breaker.state
        if state.phase is Phase.CLOSED:
            assert self.breaker.admits(self.now) is None
        else:
            assert self.breaker.admits(self.now) in {0, 1}
            assert state.until - self.now <= self.policy.most
            assert self.breaker.next_at(self.now) >= self.now


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
