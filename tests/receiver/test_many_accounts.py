"""Five hundred sellers at once: every plan is used up, none is overdrawn, nobody waits for another.

The daemon is a process of its own; its accounts are sealed in its inbox, as `authorize` leaves them.
"""

import asyncio
import base64
import os
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.vault import Vault
from receiver.demo.child import Child
from receiver.inbox import DeliveryFilter, SqliteInbox, State
from receiver.inbox.tokens import InboxTokens
from receiver.simulators.sns import SimulatedSns
from receiver.simulators.spapi import Served, Settings, SimulatedSpapi

NOTIFICATIONS = 10
EXPECTED = ('"alert":"usage_plan"', '"event":"rules_file_warning"', '"event":"stand_in_signer_believed"')
"""What the daemon complains of here: plans that last too long, and the stand-in for SNS."""
FACTOR = 0.1
"""Of the published plan of 0.5 calls a second: 500 sellers make 25 calls a second, which a busy machine can do."""
RATE = 0.5 * FACTOR
OPERATION = "products-pricing.v0.getItemOffers"
KEY = base64.b64encode(os.urandom(32)).decode()


def asin(number: int) -> str:
    """The product that stands for a seller in the paths of calls."""
    return f"B0{number:08d}"


class Awake:
    """Seconds that this machine has let this process run: a clock that stands still while all processes do."""

    def __init__(self) -> None:
        self.now = 0.0

    async def run(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            self.now, last = self.now + min(now - last, 1.0), now


@dataclass
class Calls:
    """When each seller was called for, as the stand-in saw it."""

    clock: Awake
    at: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    throttled: int = 0

    def take(self, served: Served) -> None:
        assert served.operation == OPERATION
        self.throttled += served.status == 429
        self.at[served.raw_path.split("/")[-2]].append(self.clock.now)

    @property
    def count(self) -> int:
        return sum(map(len, self.at.values()))

    @property
    def answered(self) -> int:
        return self.count - self.throttled

    def used(self) -> list[float]:
        """The share of each plan that was used while there was a backlog: from its first call to its last."""
        return [(len(times) - 1) / ((times[-1] - times[0]) * RATE) for times in self.at.values()]

    def longest_gap(self) -> float:
        """The longest that a seller's backlog was left alone."""
        return max(b - a for times in self.at.values() for a, b in pairwise(times))


def offer_change(seller: str, number: int, place: int) -> dict[str, Any]:
    trigger = {"MarketplaceId": "ATVPDKIKX0DER", "ASIN": asin(number), "ItemCondition": "New"}
    payload = {"SellerId": seller, "OfferChangeTrigger": trigger}
    return {
        "NotificationType": "ANY_OFFER_CHANGED",
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"AnyOfferChangedNotification": payload},
        "NotificationMetadata": {"NotificationId": str(UUID(int=number * 1000 + place))},
    }


def rules(write_rules: Callable[..., str], amazon: SimulatedSpapi, limit: str = "") -> str:
    section = (
        '[spapi]\nclient_id = { env = "CLIENT_ID" }\nclient_secret = { env = "CLIENT_SECRET" }\n'
        f'key = {{ env = "TOKEN_KEY" }}\nendpoints = {{ lwa = "{amazon.lwa_url}", na = "{amazon.url}" }}\n'
    )
    trigger = "payload.AnyOfferChangedNotification.OfferChangeTrigger"
    handler = (
        f'[handlers.offers]\ntype = "spapi"\noperation = "{OPERATION}"\nconcurrency = 16\n{limit}\n'
        f'parameters = {{ Asin = "{{{trigger}.ASIN}}", MarketplaceId = "{{{trigger}.MarketplaceId}}", '
        f'ItemCondition = "{{{trigger}.ItemCondition}}" }}\n'
        '[[rules]]\nname = "offers"\nhandlers = ["offers"]\n'
    )
    return write_rules(section + handler, server="stop_grace = '2s'") + "[log]\nformat = 'json'\n"


async def seal_accounts(database: Path, settings: Settings) -> None:
    """What 500 consents leave behind."""
    inbox = await SqliteInbox.open(database)
    try:
        vault = Vault(base64.b64decode(KEY))
        accounts = Accounts(InboxTokens(inbox), vault, clock=time.time, who="tests")
        for number in range(1, settings.sellers + 1):
            await accounts.add(Account(settings.seller_id(number), "na"), settings.refresh_token(number))
    finally:
        await inbox.close()


async def push_all(sns: SimulatedSns, url: str, settings: Settings) -> None:
    """Push every seller's notifications, one of each seller at a time."""

    async def push(number: int, place: int) -> None:
        message = offer_change(settings.seller_id(number), number, place)
        answer = await sns.publish(url, message)
        assert answer.taken or (await sns.publish(url, message)).taken

    for place in range(NOTIFICATIONS):
        for start in range(1, settings.sellers + 1, 20):
            await asyncio.gather(*(push(number, place) for number in range(start, start + 20)))


async def delivered(database: Path) -> list[Any]:
    inbox = await SqliteInbox.read(database)
    try:
        every = NOTIFICATIONS * 10_000
        return list(await inbox.deliveries(DeliveryFilter(states=(State.DONE,), limit=every)))
    finally:
        await inbox.close()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("sellers", [500])
async def test_every_sellers_plan_is_used_up_and_none_is_overdrawn(
    sellers: int, write_rules: Callable[..., str], sns: SimulatedSns, tmp_path: Path
) -> None:
    awake = Awake()
    ticking = asyncio.create_task(awake.run())
    calls = Calls(awake)
    settings = Settings(sellers=sellers, orders=0, skus=1, plan_factor=FACTOR)
    async with SimulatedSpapi(settings, watch=calls.take) as amazon:
        path, database = tmp_path / "rules.toml", tmp_path / "inbox.db"
        path.write_text(rules(write_rules, amazon, 'rate = "1/d"'))
        await seal_accounts(database, settings)
        # One delivery a day lets the backlog gather, and the reload lets it go.
        secrets = {"CLIENT_ID": settings.client_id, "CLIENT_SECRET": settings.client_secret, "TOKEN_KEY": KEY}
        complaints: list[str] = []
        child = await Child.start(path, secrets, complaints.append)
        try:
            await push_all(sns, f"http://{(await child.ready()).public}/sns", settings)
            calls.at.clear()
            path.write_text(rules(write_rules, amazon))
            os.kill(child.pid, signal.SIGHUP)
            pushed = awake.now
            with suppress(TimeoutError):  # the figures say how far it came
                async with asyncio.timeout(1.5 * NOTIFICATIONS / RATE):
                    while calls.answered < sellers * NOTIFICATIONS - 1:
                        await asyncio.sleep(0.5)
        finally:
            await child.stop()
            ticking.cancel()
    used, ends, gap = sorted(calls.used()), [times[-1] for times in calls.at.values()], calls.longest_gap()
    rows = await delivered(database)
    print(
        f"\n{sellers} accounts, {calls.count} calls, {calls.throttled} answered 429; of each plan used while there was "
        f"a backlog: least {used[0]:.1%}, median {statistics.median(used):.1%}; longest gap {gap:.1f} s "
        f"at {1 / RATE:.1f} s a call; first account done {min(ends) - pushed:.1f} s after the start, last "
        f"{max(ends) - pushed:.1f} s; tokens {dict(amazon.grants)}"
    )
    assert [line for line in complaints if not any(each in line for each in EXPECTED)] == []
    assert calls.throttled == 0
    assert sorted(map(len, calls.at.values())) == [NOTIFICATIONS - 1, *[NOTIFICATIONS] * (sellers - 1)]
    assert used[0] > 0.9
    assert gap < 2 / RATE
    assert len(rows) == sellers * NOTIFICATIONS
    assert {row.attempts for row in rows} == {1}
    assert amazon.grants == {("refresh_token", 200): sellers}
