"""Usage plans of many accounts at once."""

import asyncio
import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from typing import Any

import pytest

from handlers.spapi.buckets import Buckets
from handlers.spapi.errors import PlanExhausted
from handlers.spapi.operation import Operation
from handlers.spapi.ticket import Held, Ticket


class VirtualTime:
    """Time that passes only while everybody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, future))
        await future

    async def run(self, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        together = asyncio.gather(*work)
        while not together.done():
            for _ in range(4):
                await asyncio.sleep(0)
            if self._sleepers:
                when, _, future = heapq.heappop(self._sleepers)
                self.now = max(self.now, when)
                if not future.done():
                    future.set_result(None)
        await together


class AmazonsBucket:
    """The plan as Amazon keeps it: the published rate, the whole burst, no margin."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst, self.tokens, self.at = rate, burst, float(burst), 0.0

    def admits(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


async def acquire(buckets: Buckets, *asked: Any, **how: Any) -> None:
    """A call that takes no time."""
    async with buckets.turn(*asked, **how):
        pass


def operation(rate: float, burst: int, name: str = "probe") -> Operation:
    return Operation("probe", "v1", name, "GET", "/probe", f"probe.v1.{name}", rate=rate, burst=burst)


@pytest.mark.parametrize(
    ("rate", "burst", "accounts", "calls"), [(0.5, 3, 500, 10), (1.0, 1, 50, 10), (10.0, 20, 20, 90)]
)
async def test_no_account_is_refused_or_starved_and_the_plan_is_used(
    rate: float, burst: int, accounts: int, calls: int
) -> None:
    time, dice = VirtualTime(), random.Random(7)
    buckets = Buckets(time.clock, time.sleep, at_once=accounts)
    plan = operation(rate, burst)
    amazons = defaultdict(lambda: AmazonsBucket(rate, burst))
    refused: list[str] = []
    ended: dict[str, float] = {}

    async def call(account: str) -> None:
        async with buckets.turn(account, plan):
            await time.sleep(dice.uniform(0.05, 0.09))
            if not amazons[account].admits(time.now):
                refused.append(account)
            ended[account] = time.now

    await time.run(call(f"A{number % accounts}") for number in range(accounts * calls))
    assert refused == []
    assert len(ended) == accounts
    best = (calls - burst) / rate
    assert max(ended.values()) <= (best + 1 / rate) / 0.9 + 0.1


async def test_who_waits_in_place_goes_in_the_order_of_asking() -> None:
    time, order = VirtualTime(), []
    buckets, plan = Buckets(time.clock, time.sleep), operation(1.0, 2)

    async def call(number: int) -> None:
        async with buckets.turn("A1", plan):
            order.append(number)

    await time.run(call(number) for number in range(20))
    assert order == list(range(20))


async def test_waiting_is_sleeping_not_asking_again_and_again() -> None:
    time = VirtualTime()
    sleeps = 0

    async def sleep(seconds: float) -> None:
        nonlocal sleeps
        sleeps += 1
        await time.sleep(seconds)

    buckets, plan = Buckets(time.clock, sleep), operation(0.5, 1)
    await time.run(acquire(buckets, "A1", plan) for _ in range(100))
    assert sleeps <= 300


async def test_a_ticket_keeps_its_place_for_one_who_goes_away() -> None:
    time = VirtualTime()
    buckets, plan = Buckets(time.clock, time.sleep), operation(1.0, 1)
    await acquire(buckets, "A1", plan, ticket="d1", patience=0)
    with pytest.raises(PlanExhausted, match=r"usage plan of probe\.v1\.probe has no room for 1\.1 s") as caught:
        await acquire(buckets, "A1", plan, ticket="d2", patience=0)
    with pytest.raises(PlanExhausted):
        await acquire(buckets, "A1", plan, ticket="d3", patience=0)
    time.now += caught.value.after
    assert caught.value.retryable
    with pytest.raises(PlanExhausted):
        await acquire(buckets, "A1", plan, ticket="d3", patience=0)
    await acquire(buckets, "A1", plan, ticket="d2", patience=0)


async def test_tickets_that_are_let_go_give_up_all_their_places() -> None:
    time = VirtualTime()
    buckets, plan = Buckets(time.clock, time.sleep), operation(1.0, 1)
    gone, stays, line = Ticket(1), Ticket(2), Ticket(None, "erp", "k")
    await acquire(buckets, "A1", plan, patience=0)
    for name in (gone, (gone, 0), ((gone, 0), 2), stays, line):
        assert buckets.reserve("A1", plan, name) > 0
    assert buckets.reserve("A1", plan, object()) > 0
    places = buckets.holders()
    assert {place.ticket for place in places} == {gone, stays, line}
    assert len(places) == 5
    buckets.let_go([*(place for place in places if place.ticket != stays), Held(Ticket(99), 7.0)])
    assert {place.ticket for place in buckets.holders()} == {stays}
    assert buckets.usage()[0].waiting == 2
    assert buckets.reserve("A1", plan, stays) == pytest.approx(1.05, abs=0.1)


async def test_a_place_that_another_delivery_has_taken_over_is_not_let_go() -> None:
    time = VirtualTime()
    buckets, plan = Buckets(time.clock, time.sleep), operation(1.0, 1)
    line, other = Ticket(None, "erp", "k"), Ticket(2)
    await acquire(buckets, "A1", plan, patience=0)
    assert buckets.reserve("A1", plan, line) < buckets.reserve("A1", plan, other)
    looked = [place for place in buckets.holders() if place.ticket == line]
    time.now += 0.5
    first = buckets.reserve("A1", plan, line)
    buckets.let_go(looked)
    assert buckets.reserve("A1", plan, line) == first < buckets.reserve("A1", plan, other)


async def test_patience_waits_in_place_as_long_as_it_was_told() -> None:
    time = VirtualTime()
    buckets, plan = Buckets(time.clock, time.sleep), operation(1.0, 1)
    await time.run([acquire(buckets, "A1", plan, ticket=name, patience=1.5) for name in ("d1", "d2")])
    assert time.now == pytest.approx(1.0, abs=0.1)
    with pytest.raises(PlanExhausted):
        await acquire(buckets, "A1", plan, patience=0.5)
    assert buckets.usage()[0].waiting == 0


async def test_a_cancelled_wait_gives_up_its_place() -> None:
    asleep = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    buckets, plan = Buckets(sleep=sleep), operation(0.001, 1)
    await acquire(buckets, "A1", plan)
    task = asyncio.create_task(acquire(buckets, "A1", plan))
    await asleep.wait()
    assert buckets.usage()[0].waiting == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert buckets.usage()[0].waiting == 0


async def test_accounts_and_operations_do_not_share_a_plan() -> None:
    time = VirtualTime()
    buckets = Buckets(time.clock, time.sleep)
    for account in ("A1", "A2"):
        for name in ("one", "two"):
            assert buckets.reserve(account, operation(1.0, 1, name), "t") == 0
    assert buckets.throttled("A1", operation(1.0, 1, "one")) > 0
    time.now += 1.2
    assert buckets.reserve("A2", operation(1.0, 1, "one"), "t") == 0


@pytest.mark.parametrize("limit", [None, "", "fast", "nan", "inf", "0", "-1", "1e99"])
def test_a_header_that_makes_no_sense_changes_nothing(limit: str | None) -> None:
    buckets, plan = Buckets(lambda: 0.0), operation(1.0, 1)
    buckets.reserve("A1", plan, "t")
    before = buckets.usage()[0].rate
    buckets.follow("A1", plan, limit)
    assert buckets.usage()[0].rate == before
    buckets.follow("A1", plan, "5.0")
    assert buckets.usage()[0].rate == pytest.approx(5 * before)


def test_usage_names_the_fullest_plan_first() -> None:
    buckets = Buckets(lambda: 0.0)
    buckets.reserve("A1", operation(1.0, 30, "roomy"), "t")
    buckets.reserve("A1", operation(1.0, 2, "tight"), "t")
    buckets.reserve("A1", operation(1.0, 2, "tight"), "u")
    figures = buckets.usage()
    assert [(item.operation, item.calls, item.waiting) for item in figures] == [
        ("probe.v1.tight", 1, 1),
        ("probe.v1.roomy", 1, 0),
    ]
    assert figures[0].share == 1.0


def test_idle_plans_are_forgotten() -> None:
    time = VirtualTime()
    buckets, plan = Buckets(time.clock, time.sleep), operation(1.0, 1)
    for number in range(1024):
        buckets.reserve(f"A{number}", plan, "t")
    time.now += 1000
    buckets.reserve("A-last", plan, "t")
    assert len(buckets) == 1


async def test_no_more_calls_than_allowed_are_under_way_at_once() -> None:
    time, under_way, most = VirtualTime(), 0, 0
    buckets, plan = Buckets(time.clock, time.sleep, at_once=3), operation(1.0, 5)

    async def call(account: int) -> None:
        nonlocal under_way, most
        async with buckets.turn(f"A{account}", plan):
            under_way += 1
            most = max(most, under_way)
            await time.sleep(1.0)
            under_way -= 1

    await time.run(call(number % 10) for number in range(40))
    assert most == 3


async def test_calls_that_wait_for_a_free_line_do_not_bunch_up() -> None:
    """Two calls block the lines for long: what was waiting meanwhile goes on by the plan, not all at once."""
    time = VirtualTime()
    buckets, plan = Buckets(time.clock, time.sleep, at_once=2), operation(1.0, 1)
    sent: list[float] = []

    async def long(account: str) -> None:
        async with buckets.turn(account, plan):
            await time.sleep(30.0)

    async def call() -> None:
        async with buckets.turn("A1", plan):
            sent.append(time.now)

    await time.run([long("B1"), long("B2"), *(call() for _ in range(5))])
    assert sent[0] == 30.0
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(sent))
