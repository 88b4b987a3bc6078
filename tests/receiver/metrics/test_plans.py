"""Usage plans and refusals as Prometheus sees them."""

from handlers.spapi.buckets import Usage
from handlers.spapi.refusals import Refusal
from receiver.metrics import Metrics, Readings


def shown(readings: Readings) -> list[str]:
    metrics = Metrics()
    metrics.show(readings)
    return [line for line in metrics.exposition().decode().splitlines() if not line.startswith("#")]


def test_the_fullest_plans_their_backlogs_and_what_was_refused() -> None:
    plans = [Usage("A1@na", "orders.getOrder", 10, 0.9, 30, 0.5), Usage("A2@na", "orders.getOrder", 1, 0.1, 0, 0.5)]
    refusals = [Refusal("A1@na", "orders.getOrder", 403, 7, 1.0, "no")]
    lines = shown(Readings(1.0, plans=plans, refusals=refusals))
    labels = 'account="A1@na",operation="orders.getOrder"'
    assert f"spapi_router_usage_plan_used_ratio{{{labels}}} 0.9" in lines
    assert f"spapi_router_usage_plan_backlog_seconds{{{labels}}} 60.0" in lines
    assert 'spapi_router_usage_plan_waiting{operation="orders.getOrder"} 30.0' in lines
    assert f'spapi_router_spapi_refusals{{{labels},status="403"}} 7.0' in lines
    assert not any("backlog" in line and "A2@na" in line for line in lines)


def test_many_accounts_stay_bearable() -> None:
    plans = [Usage(f"A{number}@na", "orders.getOrder", 1, 0.5, number, 0.5) for number in range(5000)]
    lines = shown(Readings(1.0, plans=plans))
    assert sum(line.startswith("spapi_router_usage_plan_used_ratio") for line in lines) == 100
    backlogs = [line for line in lines if line.startswith("spapi_router_usage_plan_backlog_seconds")]
    assert len(backlogs) == 100
    assert any('"A4999@na"' in line for line in backlogs)
    (waiting,) = (line for line in lines if line.startswith("spapi_router_usage_plan_waiting"))
    assert float(waiting.split()[-1]) == sum(range(5000))
