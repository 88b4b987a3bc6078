"""From a notification of a seller nobody knows to the order at the webhook: dead, authorized, replayed, delivered."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from receiver.inbox import DeliveryFilter, DeliveryRow, SqliteInbox, State
from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns
from receiver.simulators.spapi import Settings, SimulatedSpapi

MAIN = "from receiver.cli import main; main()"
ORDER = "903-8868176-2219830"
KEY = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="


@pytest.fixture
async def amazon(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedSpapi]:
    async with SimulatedSpapi(Settings()) as simulated:
        monkeypatch.setenv("LWA_CLIENT_ID", simulated.settings.client_id)
        monkeypatch.setenv("LWA_CLIENT_SECRET", simulated.settings.client_secret)
        monkeypatch.setenv("TOKEN_KEY", KEY)
        yield simulated


def rules(amazon: SimulatedSpapi, forward: str) -> str:
    url = amazon.url
    return (
        '[spapi]\nclient_id = { env = "LWA_CLIENT_ID" }\nclient_secret = { env = "LWA_CLIENT_SECRET" }\n'
        'key = { env = "TOKEN_KEY" }\napplication_id = "amzn1.sp.solution.test"\n'
        'redirect_uri = "http://127.0.0.1/authorize/callback"\n'
        f'endpoints = {{ lwa = "{amazon.lwa_url}", na = "{url}", central = "{url}" }}\n{forward}'
        '[handlers.order]\ntype = "order"\nthen = ["erp"]\n[[rules]]\nname = "orders"\nhandlers = ["order"]\n'
    )


def change(seller: str) -> dict[str, Any]:
    summary = {"MarketplaceId": "ATVPDKIKX0DER", "OrderStatus": "Unshipped"}
    return {
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": {"AmazonOrderId": ORDER, "SellerId": seller, "Summary": summary}},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


async def command(directory: Path, *arguments: str) -> str:
    """What a command beside the daemon prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, *arguments, stdout=PIPE, stderr=PIPE, cwd=directory,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def the_dead_one(inbox: SqliteInbox) -> DeliveryRow:
    async with asyncio.timeout(30):
        while not (found := await inbox.deliveries(DeliveryFilter(states=(State.DEAD,)))):
            await asyncio.sleep(0.02)
    return found[0]


async def visit(url: str, daemon: str) -> str:
    """A browser that consents at once, and follows the redirect to the daemon's listener."""
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url, allow_redirects=False) as consent:
            back = consent.headers["Location"].replace("http://127.0.0.1/", f"http://{daemon}/")
        async with browser.get(back) as page:
            assert page.status == 200
            return await page.text()


async def test_a_seller_is_let_in_while_the_daemon_runs_and_what_was_missed_is_sent(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink, amazon: SimulatedSpapi,
    tmp_path: Path,
) -> None:  # fmt: skip
    seller = amazon.settings.seller_id(1)
    router = await start_router(write_rules(rules(amazon, forward_to())))
    assert (await sns.publish(router.url, change(seller))).status == 200
    dead = await the_dead_one(router.inbox)
    assert "run `spapi-router authorize`" in dead.reason
    url = await command(tmp_path, "authorize", "--region", "na")
    assert "The account is connected" in await visit(url.strip(), router.daemon.addresses[0])
    listed = json.loads(await command(tmp_path, "accounts", "list", "--json"))
    assert (listed["account"], listed["source"], listed["refreshed_at"]) == (f"{seller}@na", "inbox", None)
    await command(tmp_path, "deliveries", "replay", str(dead.id), "--yes")
    await sink.wait_for(1)
    assert ORDER in sink.arrivals[0].body.decode()
    assert json.loads(await command(tmp_path, "accounts", "list", "--json"))["refreshed_at"] is not None
