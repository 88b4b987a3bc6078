import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.simulators.sns.plan import Planned, Repeat
from receiver.simulators.sns.report import Tally, quantile
from receiver.simulators.sns.sender import Answer

FIRST = Planned(0, "T", "n", "", "m", 0.0)
AGAIN = Planned(1, "T", "n", "", "m", 0.0, Repeat.SNS)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_quantile_is_the_least_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < max(share * len(values), 1)


def test_quantiles_of_a_hundred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0, 0.5, 0.95, 0.99, 1)] == [1, 50, 95, 99, 100]


def test_summary_counts_answers_and_times_the_answered() -> None:
    tally = Tally()
    tally.add(FIRST, Answer(200, "", 0.010))
    tally.add(AGAIN, Answer(200, "", 0.030, attempts=3))
    tally.add(FIRST, Answer(503, "", 0.020))
    tally.add(FIRST, Answer(None, "time-out", 15.0))
    summary = tally.summary(2.0)
    assert summary.answers == {"200": 2, "503": 1, "time-out": 1}
    assert not summary.complete
    record = summary.record()
    assert record["latency_ms"] == {"min": 10.0, "p50": 20.0, "p95": 30.0, "p99": 30.0, "max": 30.0}
    assert {name: record[name] for name in ("sent", "taken", "repeats", "retries", "rate")} == {
        "sent": 4,
        "taken": 2,
        "repeats": 1,
        "retries": 2,
        "rate": 2.0,
    }


@pytest.mark.parametrize(
    ("statuses", "complete"), [([], False), ([200], True), ([200, 204], True), ([200, 404], False)]
)
def test_complete_is_only_what_was_all_taken(statuses: list[int], complete: bool) -> None:
    tally = Tally()
    for status in statuses:
        tally.add(FIRST, Answer(status, "", 0.01))
    assert tally.summary(0.0).complete == complete


def test_nothing_answered_has_no_latencies() -> None:
    summary = Tally().summary(0.0)
    assert (summary.latencies, summary.record()["rate"]) == ({}, None)
