"""Long stories in skipped time: an outage of a day, a burst of stale events, and rates held exactly."""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.base import Delivery, Done, Outcome, Postpone, Retry
from handlers.spapi.buckets import Buckets
from handlers.spapi.errors import PlanExhausted
from handlers.spapi.operation import Operation
from handlers.spapi.shared import PATIENCE
from handlers.spapi.ticket import ticket_of
from receiver.dispatcher import BreakerPolicy, LaneSettings, LaneSpec, RetryPolicy
from receiver.inbox import DeliveryFilter, Route, State
from receiver.inbox.memory import MemoryInbox

DAY = 86400.0


def now() -> float:
    return asyncio.get_running_loop().time()


async def drained(lab: Any) -> None:
    """Wait until every delivery is final."""
    while set(await lab.states()) & {State.WAITING, State.BLOCKED, State.RUNNING}:
        await asyncio.sleep(60.0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of retries would be kept as log records."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_a_sink_that_is_down_for_a_day_gets_everything_afterwards_in_order_within_the_rate(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any, number: Any
) -> None:
    rate, burst, keys = 2.0, 4, 7
    arrivals = 24 * 60

    async def story() -> None:
        begun = now()
        draw = random.Random(3).random
        starts: list[float] = []
        attempts: dict[int, int] = defaultdict(int)
        arrived: dict[str | None, list[int]] = defaultdict(list)

        async def handle(delivery: Delivery) -> Outcome:
            starts.append(now())
            attempts[delivery.id] = delivery.attempt
            await asyncio.sleep(0.2)
            if now() < begun + DAY:
                return Retry("connection refused")
            arrived[delivery.key].append(number(delivery))
            return Done()

        settings = LaneSettings(concurrency=8, rate=rate, burst=burst)
        lab = lab_of(MemoryInbox())
        await lab.start({"erp": LaneSpec(scripted(handle), settings)}, clock=now, draw=draw, recheck=600.0)
        for each in range(arrivals):
            key = f"key {each % keys}" if each % 3 else None
            await lab.push(entry(Route("rule", "erp", key=key), number=each, at=now(), received_at=now()))
            await asyncio.sleep(DAY / arrivals)
        failures = len(starts)
        await drained(lab)
        await lab.stop()

        assert await lab.states() == {State.DONE: arrivals}
        assert sorted(each for numbers in arrived.values() for each in numbers) == list(range(arrivals))
        assert all(numbers == sorted(numbers) for key, numbers in arrived.items() if key is not None)
        assert failures < 600
        assert max(attempts.values()) < RetryPolicy().attempts
        assert [type_ for type_, _ in lab.events] == ["router.breaker_opened"]
        _check_rate(starts, rate, burst)

    skipping(story())


def _check_rate(starts: list[float], rate: float, burst: int) -> None:
    for place, start in enumerate(starts):
        for later in range(place + burst, min(place + 200, len(starts))):
            assert later - place + 1 <= burst + rate * (starts[later] - start) + 1e-3


def test_a_rate_is_used_in_full_and_not_exceeded(skipping: Any, lab_of: Any, scripted: Any, entry: Any) -> None:
    async def story() -> None:
        starts: list[float] = []

        async def handle(_: Delivery) -> Outcome:
            starts.append(now())
            await asyncio.sleep(0.05)
            return Done()

        lab = lab_of(MemoryInbox())
        await lab.push(*(entry(Route("rule", "erp"), received_at=now()) for _ in range(300)))
        begun = now()
        settings = LaneSettings(concurrency=4, rate=10.0, burst=5)
        await lab.start({"erp": LaneSpec(scripted(handle), settings)}, clock=now)
        await drained(lab)
        await lab.stop()
        assert len(starts) == 300
        assert 29.5 <= starts[-1] - begun <= 31.0
        _check_rate(starts, 10.0, 5)

    skipping(story())


def test_the_last_of_a_burst_waits_for_the_rate_and_no_longer(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any
) -> None:
    async def story() -> None:
        async def handle(_: Delivery) -> Outcome:
            await asyncio.sleep(0.005)
            return Done()

        handler = scripted(handle)
        lab = lab_of(MemoryInbox())
        await lab.start({"erp": LaneSpec(handler, LaneSettings(rate=40.0, burst=2))}, clock=now)
        for _ in range(20):
            handler.deliveries.clear()
            await lab.push(*(entry(Route("rule", "erp"), received_at=now()) for _ in range(3)))
            await asyncio.sleep(1.0)
            assert len(handler.deliveries) == 3
        await lab.stop()

    skipping(story())


def test_bursts_of_stale_events_become_few_deliveries_of_the_newest(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any, number: Any
) -> None:
    orders, changes = 100, 100

    async def story() -> None:
        begun = now()
        last: dict[str | None, int] = {}

        async def handle(delivery: Delivery) -> Outcome:
            await asyncio.sleep(0.3)
            last[delivery.key] = number(delivery)
            return Done()

        handler = scripted(handle)
        lab = lab_of(MemoryInbox())
        await lab.start({"order": LaneSpec(handler, LaneSettings(concurrency=4))}, clock=now)
        pushes = [(order, change) for order in range(orders) for change in range(changes)]
        random.Random(5).shuffle(pushes)
        for place, (order, change) in enumerate(pushes):
            route = Route("rule", "order", key=f"order {order}", coalesce=10.0, newest_only=True)
            at = begun - DAY + change
            await lab.push(entry(route, number=change, at=at, received_at=now()))
            if place % 500 == 0:
                await asyncio.sleep(0.5)
        await drained(lab)
        await lab.stop()
        states = await lab.states()
        assert states[State.DONE] == len(handler.deliveries) <= 300
        assert states[State.SUPERSEDED] == orders * changes - states[State.DONE]
        assert last == {f"order {order}": changes - 1 for order in range(orders)}

    skipping(story())


def test_an_open_breaker_survives_a_restart_and_nothing_runs_before_its_time(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any
) -> None:
    async def story() -> None:
        async def handle(_: Delivery) -> Outcome:
            return Retry("down")

        policy = BreakerPolicy(calls=5, open_for=300.0, most=300.0)
        settings = LaneSettings(breaker=policy, concurrency=2)
        lab = lab_of(MemoryInbox())
        dispatcher = await lab.start({"erp": LaneSpec(scripted(handle), settings)}, clock=now)
        await lab.push(*(entry(Route("rule", "erp"), received_at=now()) for _ in range(50)))
        await asyncio.sleep(60.0)
        reopens = dispatcher.snapshot()["erp"].breaker_until
        await lab.stop()

        starts: list[float] = []

        async def mended(_: Delivery) -> Outcome:
            starts.append(now())
            return Done()

        lab.inbox.restart()
        dispatcher = await lab.start({"erp": LaneSpec(scripted(mended), settings)}, clock=now)
        assert dispatcher.snapshot()["erp"].breaker == "open"
        await drained(lab)
        assert starts[0] >= reopens
        assert len(starts) == 50
        assert len(lab.events) == 1
        await lab.stop()

    skipping(story())


def test_a_probe_that_fails_spends_one_attempt_and_takes_turns(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any
) -> None:
    async def story() -> None:
        runs: list[int] = []

        async def handle(delivery: Delivery) -> Outcome:
            runs.append(delivery.id)
            return Retry("down")

        policy = BreakerPolicy(calls=1, open_for=60.0, most=60.0)
        settings = LaneSettings(breaker=policy, concurrency=1, retry=RetryPolicy(first=3600.0, most=3600.0, factor=1.0))
        lab = lab_of(MemoryInbox())
        options = {"clock": now, "draw": lambda: 0.999}
        await lab.start({"erp": LaneSpec(scripted(handle), settings)}, **options)
        await lab.push(*(entry(Route("rule", "erp"), received_at=now()) for _ in range(10)))
        await asyncio.sleep(9 * 60.0 + 30.0)
        await lab.stop()
        assert len(runs) == len(set(runs)) == 10
        rows = await lab.inbox.deliveries(DeliveryFilter())
        assert {row.attempts for row in rows} == {1}

    skipping(story())


def test_a_clock_that_jumps_ahead_makes_waiting_deliveries_due_within_half_a_minute(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any
) -> None:
    async def story() -> None:
        ahead = 0.0
        handled: list[float] = []

        def clock() -> float:
            return now() + ahead

        async def handle(delivery: Delivery) -> Outcome:
            handled.append(now())
            return Done() if delivery.attempt == 2 else Retry("later", after=3600.0)

        lab = lab_of(MemoryInbox())
        await lab.start({"erp": LaneSpec(scripted(handle), LaneSettings())}, clock=clock, recheck=DAY)
        await lab.push(entry(Route("rule", "erp"), received_at=now()))
        await asyncio.sleep(1.0)
        ahead = 4 * 3600.0
        await asyncio.sleep(31.0)
        assert len(handled) == 2
        await lab.stop()

    skipping(story())


def test_a_usage_plan_is_used_also_where_each_delivery_is_superseded_before_its_turn(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any
) -> None:
    """Twenty keys change every 100 s each, and the plan has room for one call in 10 s."""
    keys, hours = 20, 1
    operation = Operation("probe", "v1", "get", "GET", "/probe", "probe.v1.get", rate=0.1, burst=1)

    async def story() -> None:
        called: dict[str | None, int] = defaultdict(int)
        buckets = Buckets(now)

        async def handle(delivery: Delivery) -> Outcome:
            try:
                async with buckets.turn("seller", operation, ticket_of(delivery), PATIENCE):
                    called[delivery.key] += 1
            except PlanExhausted as error:
                return Postpone(str(error), error.after)
            return Done()

        lab = lab_of(MemoryInbox())
        await lab.start({"prices": LaneSpec(scripted(handle), LaneSettings())}, clock=now, recheck=600.0)
        for each in range(36 * hours * keys):
            route = Route("rule", "prices", key=f"key {each % keys}", coalesce=10.0)
            await lab.push(entry(route, at=now(), received_at=now()))
            await asyncio.sleep(100.0 / keys)
        await lab.stop()

        assert sum(called.values()) > 0.9 * 360 * hours
        assert len(called) == keys
        assert max(called.values()) - min(called.values()) <= 3
        assert buckets.usage()[0].waiting <= keys

    skipping(story())
