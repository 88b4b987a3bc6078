"""The tour's lines run, in their order, and do to the stand-in what they say."""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from receiver.simulators.spapi import Settings, SimulatedSpapi

pytestmark = pytest.mark.timeout(300)
"""Each call is a process of its own."""

CALLS = [
    "orders.2026-01-01.searchOrders",
    "orders.v0.getOrders",
    "orders.v0.getOrderItems",
    "fba-inventory.v1.getInventorySummaries",
    "listings.2021-08-01.putListingsItem",
    "listings.2021-08-01.getListingsItem",
    "listings.2021-08-01.patchListingsItem",
    "inbound-fba.2024-03-20.createInboundPlan",
    "inbound-fba.2024-03-20.cancelInboundPlan",
    "listings.2021-08-01.deleteListingsItem",
    "reports.2021-06-30.createReport",
    "reports.2021-06-30.getReport",
    "orders.2026-01-01.getOrder",
    "orders.v0.confirmShipment",
]
ORDER = "903-8868176-2219830"


async def tour(root: Path, directory: Path, amazon: SimulatedSpapi, *, order: str = ORDER) -> tuple[int, str, str]:
    """Run the lines of README.md from the checkout's top, at the stand-in's address: exit status and what was said."""
    readme = (root / "examples/tour/README.md").read_text()
    block = re.search(r"```sh daemon\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    first, *lines = block[1].splitlines()
    assert first.startswith("spapi-router simulate spapi ")
    shutil.copytree(root / "examples/tour", directory / "examples/tour")
    rules = directory / "examples/tour/simulated.toml"
    rules.write_text(rules.read_text().replace("http://127.0.0.1:4600", amazon.url))
    script = "\n".join(lines).replace(ORDER, order)
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", script),
        cwd=directory,
        env=os.environ | {"PATH": f"{root / '.venv/bin'}:{os.environ['PATH']}"},
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_every_call_of_the_tour_is_answered(root: Path, tmp_path: Path) -> None:
    async with SimulatedSpapi(Settings(orders=150)) as amazon:
        code, out, err = await tour(root, tmp_path, amazon)
    assert code == 0, err
    assert re.findall(r"^# (\S+)$", err, re.MULTILINE) == CALLS
    statistics = amazon.amazon.statistics.calls
    assert {name for name, status in statistics if status < 300} == set(CALLS)
    assert not [status for _name, status in statistics if status >= 300]
    assert statistics["orders.2026-01-01.searchOrders", 200] == 2
    shop = amazon.amazon.world.shops["A0001SIMULATED"]
    assert "TOUR-1" not in shop.listings
    assert [plan["status"] for plan in shop.inbound_plans.values()] == ["VOIDED"]
    assert [report.kind for report in shop.reports.values()] == ["GET_MERCHANT_LISTINGS_ALL_DATA"]
    assert shop.shipped[ORDER]["1"]["packageDetail"]["carrierCode"] == "DHL"
    assert out.count('"status": "ACCEPTED"') == 3


async def test_the_tour_ends_at_the_first_call_that_is_refused(root: Path, tmp_path: Path) -> None:
    async with SimulatedSpapi() as amazon:
        code, _out, err = await tour(root, tmp_path, amazon, order="123-1234567-0000000")
    assert code == 1
    assert "getOrderItems answered 404: NotFound" in err
    assert amazon.amazon.statistics.calls["listings.2021-08-01.putListingsItem", 200] == 0


def test_the_tour_names_operations_in_full(root: Path) -> None:
    said = re.findall(r"^(?:\w+=\$\()?call (\S+)", (root / "examples/tour/tour.sh").read_text(), re.MULTILINE)
    assert said == CALLS


def test_both_rules_files_lead_to_the_same_calls(root: Path) -> None:
    texts: list[Any] = [(root / "examples/tour" / name).read_text() for name in ("rules.toml", "simulated.toml")]
    assert all(re.search(r"^\[\[spapi.accounts\]\]", text, re.MULTILINE) for text in texts)
