"""Gauges of SP-API's usage plans and refusals: the fullest and the latest, so that many accounts stay bearable."""

from collections import Counter

from receiver.metrics.gauges import Family, Samples
from receiver.metrics.readings import Readings

_MOST_PLANS = 100
_MOST_REFUSALS = 200


def _used(readings: Readings) -> Samples:
    return (((plan.operation, plan.account_id), plan.share) for plan in readings.plans[:_MOST_PLANS])


def _waiting(readings: Readings) -> Samples:
    tally: Counter[str] = Counter()
    for plan in readings.plans:
        tally[plan.operation] += plan.waiting
    return (((operation,), count) for operation, count in tally.items())


def _backlogs(readings: Readings) -> Samples:
    longest = sorted(readings.plans, key=lambda plan: -plan.clears_in)[:_MOST_PLANS]
    return (((plan.operation, plan.account_id), plan.clears_in) for plan in longest if plan.waiting)


def _refused(readings: Readings) -> Samples:
    return (
        ((refusal.operation, refusal.account_id, str(refusal.status)), refusal.count)
        for refusal in readings.refusals[:_MOST_REFUSALS]
    )


PLAN_FAMILIES = (
    Family(
        "usage_plan_used_ratio",
        "Of what an account's plan for an operation gave in 5 minutes: the share that was used; the 100 fullest",
        ("operation", "account"),
        _used,
    ),
    Family("usage_plan_waiting", "Calls that wait for their account's plan, by operation", ("operation",), _waiting),
    Family(
        "usage_plan_backlog_seconds",
        "Seconds until the calls that wait have been made, if no others come; the 100 longest",
        ("operation", "account"),
        _backlogs,
    ),
    Family(
        "spapi_refusals",
        "Calls that SP-API refused in the last hour, by status; the 200 latest kinds",
        ("operation", "account", "status"),
        _refused,
    ),
)
