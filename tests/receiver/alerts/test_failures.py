"""The failure rate of the last minutes, from counters that only grow."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.alerts.failures import Attempts, FailureWindow, counted
from receiver.metrics import Metrics


def test_what_was_postponed_counts_for_nothing() -> None:
    metrics = Metrics()
    for outcome in ("done", "done", "retry", "dead", "postponed"):
        metrics.attempt_finished("erp", outcome, 0.1)
    metrics.attempt_finished("archive", "postponed", 0.1)
    assert counted(metrics.attempt_counts()) == {"erp": Attempts(4, 2), "archive": Attempts(0, 0)}


@given(st.lists(st.tuples(st.floats(1.0, 120.0), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
def test_the_window_holds_what_its_counters_say(steps: list[tuple[float, int, int]]) -> None:
    window, now, total, failed = FailureWindow(), 0.0, 0, 0
    history = []
    for pause, done, bad in steps:
        now, total, failed = now + pause, total + done + bad, failed + bad
        history.append((now, Attempts(total, failed)))
        window.add(now, {"erp": history[-1][1]}, 300.0)
    edges = [attempts for at, attempts in history if at <= now - 300.0] or [history[0][1]]
    assert window.recent()["erp"] == history[-1][1].since(edges[-1])


def test_a_handler_that_is_new_is_counted_from_nothing() -> None:
    window = FailureWindow()
    assert window.recent() == {}
    window.add(0.0, {}, 300.0)
    window.add(10.0, {"erp": Attempts(5, 1)}, 300.0)
    assert window.recent() == {"erp": Attempts(5, 1)}


def test_a_clock_that_is_set_back_begins_a_new_window() -> None:
    window = FailureWindow()
    window.add(1000.0, {"erp": Attempts(5, 5)}, 300.0)
    window.add(10.0, {"erp": Attempts(6, 6)}, 300.0)
    assert window.recent() == {"erp": Attempts(0, 0)}
