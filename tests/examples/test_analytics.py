"""Five hundred sellers, authorized into the inbox: every notification and every order in the seller's own folder."""

import asyncio
import json
import logging
from typing import Any

from handlers.spapi.service import Account, Accounts, Vault
from receiver.inbox import State
from receiver.inbox.tokens import InboxTokens

NAME = "analytics"
SELLERS = 500
STRANGER = "A9STRANGER"


def from_the_inbox(rules: dict[str, Any]) -> None:
    """Accounts as `authorize` keeps them; none in the rules file."""
    del rules["spapi"]["accounts"]


async def let_in(scene: Any) -> None:
    """Keep an account for each seller of the stand-in, sealed."""
    settings = scene.router.daemon.config.spapi
    accounts = Accounts(
        InboxTokens(scene.inbox), Vault.open_keys(settings.key, ()), clock=scene.rehearsal.sns.clock, who="test"
    )
    made = scene.amazon.settings
    for number in range(1, made.sellers + 1):
        await accounts.add(Account(made.seller_id(number), made.region), made.refresh_token(number))


def orders(sample: Any, seller: str, count: int) -> list[str]:
    """Changes of orders of a seller."""
    made = []
    for number in range(count):
        notification = sample("ORDER_CHANGE")
        notification["Payload"]["OrderChangeNotification"]["AmazonOrderId"] = f"903-8868176-{number + 1:07d}"
        made.append(json.dumps(notification).replace("A3TH9S8BH6GOGM", seller))
    return made


async def push_all(scene: Any, texts: list[str]) -> None:
    """Push them, some at a time."""
    free = asyncio.Semaphore(16)

    async def push(text: str) -> None:
        async with free:
            await scene.push(text)

    await asyncio.gather(*map(push, texts))


async def test_five_hundred_sellers_have_their_lines(play: Any, sample: Any, caplog: Any) -> None:
    caplog.set_level(logging.WARNING)
    scene = await play(NAME, change=from_the_inbox, sellers=SELLERS, skus=1)
    await let_in(scene)
    sellers = [scene.amazon.settings.seller_id(number) for number in range(1, SELLERS + 1)]
    await push_all(scene, [text for seller in sellers for text in orders(sample, seller, 1)])
    rows = await scene.ended()
    assert {row.state for row in rows} == {State.DONE}
    for seller in sellers:
        (line,) = scene.written(f"analytics/{seller}/orders.jsonl")
        assert (line["seller"], line["order"]["orderId"]) == (seller, "903-8868176-0000001")
        assert line["items"]
        (notification,) = scene.written(f"analytics/{seller}/notifications.jsonl")
        assert (notification["seller_id"], notification["notification_id"]) == (seller, line["notification"])
    assert scene.amazon.grants["refresh_token", 200] == SELLERS
    assert scene.amazon.amazon.statistics.of_status(429) == 0


async def test_a_backlog_of_one_seller_and_a_stranger_hold_up_nobody(play: Any, sample: Any) -> None:
    scene = await play(NAME, change=from_the_inbox, sellers=3)
    await let_in(scene)
    first, second, third = (scene.amazon.settings.seller_id(number) for number in (1, 2, 3))
    # More than the usage plan's burst: the rest of the first seller's orders waits for its turn.
    await push_all(scene, orders(sample, first, 40) + orders(sample, STRANGER, 1))
    await push_all(scene, orders(sample, second, 2) + orders(sample, third, 2))
    await scene.until(lambda: all(len(scene.written(f"analytics/{s}/orders.jsonl")) == 2 for s in (second, third)))
    assert len(scene.written(f"analytics/{first}/orders.jsonl")) < 40
    await scene.until(lambda: len(scene.written(f"analytics/{first}/notifications.jsonl")) == 40)
    reason = (await scene.dead())["order"]
    assert f"no SP-API account of seller {STRANGER}: run `spapi-router authorize`" in reason
    assert len(scene.written(f"analytics/{STRANGER}/notifications.jsonl")) == 1
