"""Many sellers in one lane: what befalls one of them holds up no other."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.base import Delivery, Done, Outcome, Retry
from handlers.errors import HandlerError
from handlers.spapi.errors import AccountError, LwaError, PlanExhausted, SpapiError
from handlers.spapi.outcomes import outcome_of
from handlers.unread import Unread
from receiver.dispatcher import BreakerPolicy, LaneSettings, LaneSpec
from receiver.dispatcher.breaker import Breaker, Phase
from receiver.dispatcher.claims import seller_of
from receiver.dispatcher.gate import Gate
from receiver.dispatcher.sellers import Sellers
from receiver.inbox import Route
from receiver.inbox.memory import MemoryInbox

ROUTE = Route("rule", "order")
SELLERS = 50
ILL = "A0ILL"


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of retries would be kept as log records."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Amazon:
    """Answers 500 for one seller, and for all while it is down."""

    def __init__(self) -> None:
        self.down = False
        self.calls = 0
        self.waits: list[float] = []

    async def handle(self, delivery: Delivery) -> Outcome:
        self.calls += 1
        await asyncio.sleep(0.1)
        if self.down or delivery.document["seller_id"] == ILL:
            return Retry("getOrder answered 500", status=500)
        self.waits.append(now() - delivery.created_at)
        return Done()


async def push(lab: Any, entry: Any, *sellers: str) -> None:
    await lab.push(*(entry(ROUTE, payload={"SellerId": seller}, received_at=now()) for seller in sellers))


def test_one_seller_that_amazon_fails_delays_no_other(skipping: Any, lab_of: Any, scripted: Any, entry: Any) -> None:
    async def story() -> None:
        amazon, lab = Amazon(), lab_of(MemoryInbox())
        await lab.start({"order": LaneSpec(scripted(amazon.handle))}, clock=now, recheck=600.0)
        for second in range(3600):
            if second % 300 == 60:
                await push(lab, entry, *[ILL] * 100)
            await push(lab, entry, f"A{second % SELLERS:04}")
            await asyncio.sleep(1.0)
        await lab.stop()
        assert len(amazon.waits) > 3590
        assert max(amazon.waits) < 10.0
        assert not [type_ for type_, _ in lab.events if type_ == "router.breaker_opened"]

    skipping(story())


def test_one_seller_that_is_the_first_to_fail_after_a_start_delays_the_others_for_minutes_only(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any
) -> None:
    """Nobody knows of others yet, so that the breaker opens."""

    async def story() -> None:
        amazon, lab = Amazon(), lab_of(MemoryInbox())
        await push(lab, entry, *[ILL] * 100)
        dispatcher = await lab.start({"order": LaneSpec(scripted(amazon.handle))}, clock=now, recheck=600.0)
        for second in range(3600):
            await push(lab, entry, f"A{second % SELLERS:04}")
            await asyncio.sleep(1.0)
        assert dispatcher.snapshot()["order"].breaker == "closed"
        await lab.stop()
        assert len(amazon.waits) > 3590
        assert max(amazon.waits) < 900.0

    skipping(story())


def test_an_outage_for_all_opens_the_breaker_and_its_end_is_found_behind_one_who_goes_on_failing(
    skipping: Any, lab_of: Any, scripted: Any, entry: Any
) -> None:
    async def story() -> None:
        amazon, lab = Amazon(), lab_of(MemoryInbox())
        dispatcher = await lab.start({"order": LaneSpec(scripted(amazon.handle))}, clock=now, recheck=600.0)
        for number in range(SELLERS * 10):
            await push(lab, entry, f"A{number % SELLERS:04}")
            await asyncio.sleep(0.5)
        amazon.down, calls = True, amazon.calls
        for number in range(3600):
            await push(lab, entry, f"A{number % SELLERS:04}")
            await asyncio.sleep(1.0)
        assert amazon.calls - calls < 300
        assert dispatcher.snapshot()["order"].breaker != "closed"
        await push(lab, entry, *[ILL] * 200)
        amazon.down, amazon.waits = False, []
        await asyncio.sleep(700.0)
        assert dispatcher.snapshot()["order"].breaker == "closed"
        await lab.stop()
        assert len(amazon.waits) == 3600
        assert [type_ for type_, _ in lab.events].count("router.breaker_opened") == 1

    skipping(story())


def test_one_seller_alone_is_rested_like_any_destination(skipping: Any, lab_of: Any, scripted: Any, entry: Any) -> None:
    async def story() -> None:
        amazon, lab = Amazon(), lab_of(MemoryInbox())
        dispatcher = await lab.start({"order": LaneSpec(scripted(amazon.handle))}, clock=now, recheck=600.0)
        for _ in range(3600):
            await push(lab, entry, ILL)
            await asyncio.sleep(1.0)
        assert dispatcher.snapshot()["order"].breaker != "closed"
        assert amazon.calls < 150
        calls = amazon.calls
        await asyncio.sleep(3600.0)
        assert amazon.calls - calls < 15
        await lab.stop(0)

    skipping(story())


def test_one_seller_who_fails_is_one_too_where_a_single_other_one_is_served_in_the_window() -> None:
    """At night, say. It opened at each moment with one who failed and one who did not."""
    breaker = Breaker(BreakerPolicy())
    for second in range(3600):
        for seller in [ILL] * 3 + [f"A{second // 50}"] * (second % 50 == 0):
            breaker.leave(breaker.enter(float(second)), seller != ILL, float(second), "", seller)
    assert breaker.state.phase is Phase.CLOSED
    breaker.leave(breaker.enter(3600.0), False, 3600.0, "down", "A1")
    assert breaker.state.phase is Phase.OPEN


def test_a_clock_that_is_set_back_keeps_no_breaker_from_opening() -> None:
    """Who was served before counted as well until the clock had caught up."""
    breaker = Breaker(BreakerPolicy())
    for number in range(SELLERS):
        breaker.leave(breaker.enter(90_000.0), True, 90_000.0, "", f"A{number}")
    for second in range(20):
        breaker.leave(breaker.enter(float(second)), False, float(second), "down", f"A{second % 2}")
    assert breaker.state.phase is Phase.OPEN


@pytest.mark.parametrize("ill", [1, 2, 5])
def test_the_end_of_an_outage_is_found_behind_a_few_who_go_on_failing(ill: int) -> None:
    """With two of them each probe was another's than the one before, and a pause of five minutes followed it."""
    breaker = Breaker(BreakerPolicy())
    for number in range(SELLERS):
        breaker.leave(breaker.enter(0.0), True, 0.0, "", f"A{number}")
    for number in range(SELLERS):
        if breaker.state.phase is Phase.CLOSED:
            breaker.leave(breaker.enter(61.0), False, 61.0, "down", f"A{number}")
    assert breaker.state.phase is Phase.OPEN
    waiting = [*(f"{ILL}{number % ill}" for number in range(100)), "A0"]
    for second in range(62, 3600):
        if waiting and breaker.admits(float(second)):
            seller = waiting.pop(0)
            breaker.leave(breaker.enter(float(second)), seller == "A0", float(second), "", seller)
    assert breaker.state.phase is Phase.CLOSED


def test_whoever_comes_after_a_night_of_one_who_fails_is_found_behind_what_that_one_has_waiting() -> None:
    """It waited for five minutes for each delivery before its own."""
    breaker = Breaker(BreakerPolicy())
    breaker.leave(breaker.enter(0.0), True, 0.0, "", "A0")
    waiting = [*[ILL] * 500, "A0"]
    for second in range(8 * 3600, 12 * 3600):
        if waiting and breaker.admits(float(second)) != 0:
            seller = waiting.pop(0)
            breaker.leave(breaker.enter(float(second)), seller == "A0", float(second), "", seller)
    assert not waiting
    assert breaker.state.phase is Phase.CLOSED


@pytest.mark.parametrize("others", [(), ("A0SMALL",)])
def test_an_outage_for_all_rests_the_destination_also_where_one_seller_has_all_that_waits(
    others: tuple[str, ...],
) -> None:
    """Its probes followed each other without a pause, thousands in an hour, and each spent an attempt."""
    breaker, calls = Breaker(BreakerPolicy()), 0
    for seller in (*others, *["A0BIG"] * (20 - len(others))):
        breaker.leave(breaker.enter(0.0), False, 0.0, "down", seller)
    assert breaker.state.phase is Phase.OPEN
    for second in range(3600):
        if breaker.admits(float(second)):
            breaker.leave(breaker.enter(float(second)), False, float(second), "down", "A0BIG")
            calls += 1
    assert calls < (300 if others else 120)


@pytest.mark.parametrize(
    "error",
    [
        AccountError("there is no SP-API account of seller A1"),
        LwaError("revoked", "invalid_grant", 400),
        PlanExhausted("orders.v0.getOrders", 2.0),
        SpapiError("orders.v0.getOrders", 429, [{"code": "QuotaExceeded"}], "r-1"),
        SpapiError("orders.v0.getOrders", 403, [{"code": "Unauthorized"}], "r-1"),
    ],
)
def test_an_account_that_is_gone_revoked_or_throttled_is_no_failure_of_the_destination(error: HandlerError) -> None:
    gate = Gate(LaneSettings(breaker=BreakerPolicy(calls=1)))
    for second in range(100):
        ticket = gate.enter(float(second))
        assert ticket is not None
        assert gate.leave(ticket, outcome_of(error), float(second), ILL) is None


def test_the_seller_is_that_of_the_document_and_reading_it_is_not_needed(entry: Any) -> None:
    def delivery(document: Any) -> Delivery:
        return Delivery(1, "w", "rule", "order", 1, None, 0.0, 0.0, document)

    document = entry(ROUTE, payload={"SellerId": "A1", "Offers": [{"seller_id": "A2"}]}).notification.document
    nobody = entry(ROUTE).notification.document
    for seller, named in (("A1", document), ("", nobody)):
        assert seller_of(delivery(named)) == seller
        kept = Unread.of(named)
        assert seller_of(delivery(kept)) == seller
        assert kept._document is None


def test_no_more_than_a_thousand_sellers_are_remembered() -> None:
    sellers = Sellers()
    for number in range(5000):
        sellers.add(f"A{number}", float(number) / 10, failed=number < 4500)
    assert sellers.are_failing(0.5, 0.0, 500.0)
    assert not sellers.are_failing(0.51, 0.0, 500.0)
    assert sellers.has_others({"A4999"})
    assert not sellers.has_others({f"A{number}" for number in range(4000, 5000)})


def test_others_are_known_for_an_hour() -> None:
    sellers = Sellers()
    sellers.add("A1", 0.0, failed=False)
    sellers.add(ILL, 3600.0, failed=True)
    assert not sellers.are_failing(0.5, 3540.0, 3600.0)
    assert sellers.are_failing(0.5, 3540.0, 3600.1)
