"""One stock, three marketplaces: each is set, within the plan, and a refusal of one is seen and stops no other."""

import os
from typing import Any

from receiver.inbox import State

NAME = "stock-sync"
FR, IT, ES = "A13V1IB3VIYZZH", "APJ6JRA9NG5V4", "A1RKKUPIHCS9HS"


def stock_of(sample: Any, sku: str) -> Any:
    notification = sample("stock-sync/message.json")
    notification["Payload"]["SKU"] = sku
    return notification


def hurry(rules: dict[str, Any]) -> None:
    rules["rules"][0]["coalesce"] = "100ms"


async def test_the_quantity_is_set_in_each_marketplace_and_written_down(play: Any, sample: Any, held: Any) -> None:
    scene = await play(NAME, clock=held)
    listing = scene.shop.listings["SKU-0007"]
    for _ in range(3):
        await scene.push(stock_of(sample, "SKU-0007"))
    listing.quantity = 12
    await scene.after(2.0)
    assert scene.calls("getInventorySummaries") == 1
    assert listing.quantities == {FR: 12, IT: 12, ES: 12}
    lines = scene.written("stock-audit.jsonl")
    assert {(line["sku"], line["set"]["marketplace"], line["set"]["quantity"]) for line in lines} == {
        ("SKU-0007", "FR", 12),
        ("SKU-0007", "IT", 12),
        ("SKU-0007", "ES", 12),
    }
    assert len({line["set"]["submission"] for line in lines}) == 3
    assert {line["seller"] for line in lines} == {scene.shop.seller_id}


async def test_a_marketplace_that_refuses_is_seen_and_stops_no_other(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=hurry)
    listing = scene.shop.listings["SKU-0007"]
    listing.refusals[FR] = "The listing is blocked: a document is missing"
    await scene.push(stock_of(sample, "SKU-0007"))
    await scene.until(lambda: len(scene.written("stock-audit.jsonl")) == 3)
    assert listing.quantities == {IT: 7, ES: 7}
    lines = scene.written("stock-audit.jsonl")
    assert {line["set"]["marketplace"] for line in lines if "set" in line} == {"IT", "ES"}
    (refused,) = [line for line in lines if "refused" in line]
    assert (refused["sku"], refused["handler"]) == ("SKU-0007", "stock-fr")
    assert 'status is "INVALID", not "ACCEPTED"' in refused["refused"]
    assert "a document is missing" in refused["refused"]
    assert (await scene.dead()).keys() == {"stock-fr"}


async def test_a_mended_marketplace_is_set_by_a_replay(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=hurry)
    listing = scene.shop.listings["SKU-0007"]
    listing.refusals[FR] = "blocked"
    await scene.push(stock_of(sample, "SKU-0007"))
    await scene.until(lambda: len(scene.written("stock-audit.jsonl")) == 3)
    del listing.refusals[FR]
    (dead,) = [row.id for row in await scene.ended() if row.state is State.DEAD]
    assert await scene.replay(dead) == 1
    await scene.until(lambda: len(scene.written("stock-audit.jsonl")) == 4)
    assert listing.quantities[FR] == 7


async def test_a_sku_that_amazon_does_not_stock_is_dead_with_that_reason(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=hurry)
    await scene.push(stock_of(sample, "SKU-NONE"))
    await scene.until(lambda: len(scene.written("stock-audit.jsonl")) == 1)
    assert "inventorySummaries is a list of 0" in (await scene.dead())["stock"]
    assert scene.calls("patchListingsItem") == 0


async def test_many_skus_at_once_stay_within_the_usage_plan(play: Any, sample: Any) -> None:
    factor = 2  # not more: a call that a busy machine delays by what a plan's burst lasts would be refused

    def faster(rules: dict[str, Any]) -> None:
        hurry(rules)
        for name in ("stock", "stock-fr", "stock-it", "stock-es"):
            rate = rules["handlers"][name]["rate"]
            rules["handlers"][name]["rate"] = f"{float(rate.removesuffix('/s')) * factor}/s"

    scene = await play(NAME, change=faster, plan_factor=float(factor))
    skus = [f"SKU-{number:04d}" for number in range(1, 13)]
    for sku in skus:
        await scene.push(stock_of(sample, sku))
    await scene.ended()
    assert all(scene.shop.listings[sku].quantities.keys() == {FR, IT, ES} for sku in skus)
    assert len(scene.written("stock-audit.jsonl")) == 3 * len(skus)
    assert scene.amazon.amazon.statistics.of_status(429) == 0


async def test_nothing_secret_is_written_down(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=hurry)
    await scene.push(stock_of(sample, "SKU-0007"))
    await scene.ended()
    audit = str(scene.written("stock-audit.jsonl"))
    assert not [value for value in scene.rehearsal.environment if os.environ[value] in audit]
    assert "Atza|" not in audit
