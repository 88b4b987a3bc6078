"""A repricer gets the newest offers of each product, once for a burst, and none that are older than those it has."""

from typing import Any

from receiver.inbox import State
from receiver.simulators.sink import Behaviour

NAME = "repricer-feed"
START = 1_760_000_000.0


def offers(sample: Any, asin: str, second: int, condition: str = "New") -> Any:
    notification = sample("ANY_OFFER_CHANGED", START + second)
    changed = notification["Payload"]["AnyOfferChangedNotification"]
    changed["OfferChangeTrigger"] |= {"ASIN": asin, "ItemCondition": condition}
    changed["Summary"]["TotalBuyBoxEligibleOffers"] = second
    changed["Offers"][0]["ListingPrice"]["Amount"] = 10.0 + second
    return notification


async def test_a_burst_in_any_order_is_one_delivery_of_the_newest_offers(play: Any, sample: Any, held: Any) -> None:
    scene = await play(NAME, clock=held)
    burst = [offers(sample, "B000000001", second) for second in (0, 2, 1, 5, 3, 4)]
    for notification in [*burst, offers(sample, "B000000002", 1)]:
        await scene.push(notification)
    rows = await scene.after(2.0)
    assert sorted(row.state for row in rows) == [State.DONE] * 2 + [State.SUPERSEDED] * 5
    arrived = {body["asin"]: body for body in scene.bodies}
    assert arrived["B000000001"]["changed"] == "2025-10-09T08:53:25Z"
    assert arrived["B000000001"]["offers"][0]["ListingPrice"]["Amount"] == 15.0
    assert arrived["B000000001"]["buy_box"][0]["LandedPrice"] == {"Amount": 10.0, "CurrencyCode": "USD"}
    assert arrived["B000000002"]["marketplace"] == "ATVPDKIKX0DER"
    assert len(scene.bodies) == 2


async def test_offers_that_come_late_are_left_out(play: Any, sample: Any) -> None:
    scene = await play(NAME)
    await scene.push(offers(sample, "B000000001", 5))
    await scene.ended()
    await scene.push(offers(sample, "B000000001", 3))
    await scene.push(offers(sample, "B000000001", 9, condition="Used"))
    await scene.ended()
    assert [body["offers"][0]["ListingPrice"]["Amount"] for body in scene.bodies] == [15.0]


async def test_a_product_without_a_buy_box_is_sent_as_such(play: Any, sample: Any) -> None:
    scene = await play(NAME)
    notification = offers(sample, "B000000001", 1)
    del notification["Payload"]["AnyOfferChangedNotification"]["Summary"]["BuyBoxPrices"]
    await scene.push(notification)
    await scene.ended()
    assert scene.bodies[0]["buy_box"] is None


async def test_a_repricer_that_stays_down_misses_old_offers_only(play: Any, sample: Any) -> None:
    def hurry(rules: dict[str, Any]) -> None:
        rules["handlers"]["repricer"]["retry"] |= {"first": "10ms", "most": "20ms"}

    scene = await play(NAME, change=hurry)
    scene.sink.behave(Behaviour(status=503), times=5)
    await scene.push(offers(sample, "B000000001", 1))
    (row,) = await scene.ended()
    assert row.state is State.DEAD
    assert "dead after 5 attempts" in row.reason
    await scene.push(offers(sample, "B000000001", 2))
    await scene.until(lambda: len(scene.bodies) == 1)
    assert scene.bodies[0]["offers"][0]["ListingPrice"]["Amount"] == 12.0
