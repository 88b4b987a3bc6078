"""What each alert looks at, and what it says of it."""

from collections.abc import Callable
from typing import Any

import pytest

from receiver.alerts.conditions import Condition, Conditions
from receiver.alerts.failures import Attempts
from receiver.config import AlertSettings
from receiver.inbox import State
from receiver.metrics import Readings

NOW = 1_800_000_000.0
DAY = 86400.0
Make = Callable[..., Readings]
OFF = AlertSettings.model_validate(
    dict.fromkeys(
        ("failure_rate", "usage_plan", "oldest_delivery", "certificate_ends", "client_secret_ends", "no_notification"),
        False,
    )
    | {"breaker_open": False, "subscription_pending": False}
)


def look(found: Readings, alert: str, settings: AlertSettings | None = None, **attempts: Attempts) -> list[Condition]:
    conditions = Conditions(settings or AlertSettings(), NOW - 3600.0).find(found, attempts)[alert]
    assert conditions is not None
    return list(conditions)


def everything(make: Make, plan: Any) -> Readings:
    return make(
        breaker="open",
        oldest={("erp", State.WAITING): NOW - 3600.0},
        subscriptions={"arn:1": "pending"},
        last_received=NOW - 8 * 3600.0,
        plans=[plan("A1@eu", "orders.v0.getOrder", 0.9)],
        tls=NOW + 5 * DAY,
        client_secret=NOW + 5 * DAY,
    )


def test_a_bad_state_reaches_every_threshold_and_says_what_to_do(readings: Make, plan: Any) -> None:
    conditions = Conditions(AlertSettings(), NOW).find(everything(readings, plan), {"erp": Attempts(100, 6)})
    assert set(conditions) == set(Conditions(AlertSettings(), NOW).names)
    for alert, found in conditions.items():
        assert found, alert
        for each in found:
            assert each.value is not None
            assert each.value >= each.threshold, each
            assert each.text, each
            assert each.cure, each


def test_a_good_state_is_below_all_lower_thresholds(readings: Make, plan: Any) -> None:
    good = readings(
        subscriptions={"arn:1": "confirmed"},
        plans=[plan("A1@eu", "orders.v0.getOrder", 0.1)],
        tls=NOW + 80 * DAY,
        client_secret=NOW + 150 * DAY,
    )
    for found in Conditions(AlertSettings(), NOW).find(good, {"erp": Attempts(100, 1)}).values():
        assert found is not None
        for each in found:
            assert each.value is not None
            assert each.value < each.threshold * (0.75 if each.threshold > 0 else 1 / 0.75), each


def test_false_switches_off(readings: Make, plan: Any) -> None:
    conditions = Conditions(OFF, NOW).find(everything(readings, plan), {"erp": Attempts(100, 100)})
    assert all(not found for found in conditions.values())


def test_an_inbox_that_cannot_be_read_is_not_the_end_of_an_alert(readings: Make) -> None:
    conditions = Conditions(AlertSettings(), NOW).find(readings(figures=None), {})
    unknown = {alert for alert, found in conditions.items() if found is None}
    assert unknown == {"oldest_delivery", "subscription_pending", "no_notification"}


@pytest.mark.parametrize(
    ("attempts", "waits", "rate"),
    [
        (Attempts(20, 1), True, 0.05),
        (Attempts(19, 19), True, None),
        (Attempts(19, 0), True, 0.0),
        (Attempts(0, 0), True, None),
        (Attempts(0, 0), False, 0.0),
        (Attempts(3, 1), False, None),
    ],
)
def test_few_attempts_say_nothing_of_failure(
    readings: Make, attempts: Attempts, waits: bool, rate: float | None
) -> None:
    oldest = {("erp", State.WAITING): NOW - 1.0} if waits else {}
    (found,) = look(readings(oldest=oldest), "failure_rate", erp=attempts)
    assert found.value == rate


def test_the_oldest_of_all_states_counts_and_strangers_are_named(readings: Make) -> None:
    oldest = {
        ("erp", State.WAITING): NOW - 60.0,
        ("erp", State.BLOCKED): NOW - 5400.0,
        ("gone", State.WAITING): NOW - 90000.0,
    }
    erp, gone = look(readings(oldest=oldest), "oldest_delivery")
    assert (erp.value, erp.text) == (5400.0, "the oldest delivery to handlers.erp is 1.5h old")
    assert "deliveries list --handler erp" in erp.cure
    assert "add that handler to the rules file" in gone.cure


def test_silence_counts_from_the_start_where_nothing_ever_came(readings: Make) -> None:
    (found,) = look(readings(last_received=None), "no_notification")
    assert found.value == 3600.0


def test_what_has_ended_says_so(readings: Make) -> None:
    (found,) = look(readings(client_secret=NOW - DAY), "client_secret_ends")
    assert found.text.startswith("spapi.client_secret ended at 2027-01-14")
    (found,) = look(readings(tls=NOW + DAY), "certificate_ends")
    assert found.text.startswith("server.tls ends at 2027-01-16")
