"""SP-API calls from the command line, by real processes against the stand-in."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from receiver.simulators.spapi import Settings, SimulatedSpapi

ORDER = "123-1234567-1234567"
MAIN = "from receiver.cli import main; main()"


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Awaitable[Outcome]]

RULES = """
[server]
listen = "127.0.0.1:0"
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api"]
[spapi]
client_id = {{ env = "LWA_CLIENT_ID" }}
client_secret = {{ env = "LWA_CLIENT_SECRET" }}
endpoints = {{ lwa = "{lwa}", na = "{url}", eu = "{url}", fe = "{url}" }}
[[spapi.accounts]]
seller_id = "A0001SIMULATED"
region = "na"
refresh_token = {{ env = "REFRESH_TOKEN" }}
[handlers.log]
type = "log"
[[rules]]
name = "all"
handlers = ["log"]
"""


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedSpapi]:
    async with SimulatedSpapi(Settings(orders=230)) as started:
        yield started


@pytest.fixture
def run(simulated: SimulatedSpapi, tmp_path: Path, root: Path) -> Run:
    settings = simulated.settings
    (tmp_path / "rules.toml").write_text(RULES.format(lwa=simulated.lwa_url, url=simulated.url))
    secrets = {
        "LWA_CLIENT_ID": settings.client_id,
        "LWA_CLIENT_SECRET": settings.client_secret,
        "REFRESH_TOKEN": settings.refresh_token(1),
        "PYTHONPATH": str(root),
    }

    async def start(*arguments: str, stdin: bytes = b"", **extra: str) -> Outcome:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", MAIN, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=tmp_path,
            env=os.environ | secrets | extra,
        )  # fmt: skip
        out, err = await process.communicate(stdin)
        return Outcome(process.returncode or 0, out.decode(), err.decode())

    return start


async def test_an_answer_is_printed_as_json(run: Run) -> None:
    outcome = await run("call", "orders.getOrder", f"orderId={ORDER}", "--verbose")
    assert outcome.code == 0
    assert json.loads(outcome.out)["order"]["orderId"] == ORDER
    assert re.fullmatch(r"200, request [0-9a-f-]{36}, rate 0\.5\n", outcome.err)


async def test_marketplaces_by_country_and_repeated_values(run: Run, simulated: SimulatedSpapi) -> None:
    arguments = ["granularityType=Marketplace", "granularityId=us", "marketplaceIds=us", "sellerSkus=SKU-0001"]
    outcome = await run("call", "getInventorySummaries", *arguments, "sellerSkus=SKU-0002")
    assert [item["sellerSku"] for item in json.loads(outcome.out)["payload"]["inventorySummaries"]] == [
        "SKU-0001",
        "SKU-0002",
    ]
    refused = await run("call", "getInventorySummaries", *arguments[:2], "marketplaceIds=DE")
    assert refused.code == 1
    assert "A1PA6795UKMFR9 (DE) belongs to region eu" in refused.err


async def test_all_pages_are_one_a_line(run: Run) -> None:
    arguments = ["call", "searchOrders", "createdAfter=2020-01-01T00:00:00Z"]
    outcome = await run(*arguments, "--all-pages")
    pages = [json.loads(line) for line in outcome.out.splitlines()]
    assert [len(page["orders"]) for page in pages] == [100, 100, 30]
    assert len(json.loads((await run(*arguments)).out)["orders"]) == 100


async def test_a_body_from_the_line_a_file_and_standard_input(run: Run, tmp_path: Path) -> None:
    body = json.dumps({"reportType": "R", "marketplaceIds": ["ATVPDKIKX0DER"]})
    (tmp_path / "report.json").write_text(body)
    for given, stdin in [(body, b""), ("@report.json", b""), ("@-", body.encode())]:
        outcome = await run("call", "createReport", "--body", given, stdin=stdin)
        assert "reportId" in json.loads(outcome.out)


async def test_buyers_data_and_deprecation(run: Run) -> None:
    outcome = await run("call", "orders.v0.getOrder", f"orderId={ORDER}", "--restricted", "buyerInfo,shippingAddress")
    assert {"BuyerInfo", "ShippingAddress"} <= json.loads(outcome.out)["payload"].keys()
    assert outcome.err == "orders.v0.getOrder is deprecated: Amazon will remove it\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["getordr"], 1, "did you mean 'getOrder'"),
        (["orders.getOrder", "orderid=1"], 1, "did you mean 'orderId'"),
        (["orders.getOrder", "orderId"], 2, "'orderId' is not NAME=VALUE"),
        (["orders.getOrder", "orderId=1"], 1, "answered 400: InvalidInput: The orderId is not of the form"),
        (["orders.getOrder", "orderId=1", "--account", "A9"], 1, "no SP-API account of seller A9"),
        (["createReport", "--body", "{"], 2, "--body is not JSON"),
        (["createReport", "--body", "@missing"], 2, "missing cannot be read: No such file"),
        (["createReport"], 1, "needs a body"),
        (["orders.getOrder", "orderId=1", "--config", "none.toml"], 1, "none.toml"),
    ],
)
async def test_what_goes_wrong_is_said(run: Run, arguments: list[str], code: int, said: str) -> None:
    outcome = await run("call", *arguments)
    assert said in outcome.err
    assert outcome.code == code
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


async def test_wrong_credentials_are_explained_and_not_shown(run: Run) -> None:
    for name, said in [("LWA_CLIENT_SECRET", "invalid_client"), ("REFRESH_TOKEN", "invalid_grant")]:
        outcome = await run("call", "orders.getOrder", f"orderId={ORDER}", **{name: "not-the-right-one"})
        assert outcome.code == 1
        assert f"Login with Amazon answered 40{1 if said == 'invalid_client' else 0}: {said}" in outcome.err
        assert "not-the-right-one" not in outcome.err
    unset = await run("call", "orders.getOrder", f"orderId={ORDER}", REFRESH_TOKEN="")
    assert "environment variable REFRESH_TOKEN is not set" in unset.err


async def test_a_rules_file_without_the_section(run: Run, tmp_path: Path) -> None:
    rules = (tmp_path / "rules.toml").read_text()
    start, end = rules.index("[spapi]"), rules.index("[handlers.log]")
    (tmp_path / "rules.toml").write_text(rules[:start] + rules[end:])
    outcome = await run("call", "orders.getOrder", f"orderId={ORDER}")
    assert outcome.code == 1
    assert "rules.toml has no [spapi] section: add one" in outcome.err


async def test_the_stand_in_as_a_process_of_its_own(root: Path, tmp_path: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(root)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, "simulate", "spapi", "--listen", "127.0.0.1:0", "--json", "--fault", "slow:1%:10ms",
        stdout=PIPE, stderr=PIPE, env=environ, cwd=tmp_path,
    )  # fmt: skip
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("refresh_token"):
        lines.append((await process.stderr.readline()).decode())
    text = "".join(lines)
    exported: dict[str, Any] = dict(re.findall(r"(\w+)='([^']*)'", text))
    rules = RULES[: RULES.index("[spapi]")] + text[text.index("[spapi]") :] + RULES[RULES.index("[handlers.log]") :]
    (tmp_path / "rules.toml").write_text(rules)
    caller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, "call", "orders.getOrder", f"orderId={ORDER}",
        stdout=PIPE, stderr=PIPE, env=environ | exported, cwd=tmp_path,
    )  # fmt: skip
    out, err = await caller.communicate()
    assert err == b""
    assert json.loads(out)["order"]["orderId"] == ORDER
    process.send_signal(signal.SIGTERM)
    figures, _ = await process.communicate()
    assert process.returncode == 0
    assert [json.loads(line) for line in figures.splitlines()] == [
        {"operation": "LWA refresh_token", "status": 200, "count": 1},
        {"operation": "orders.2026-01-01.getOrder", "status": 200, "count": 1},
    ]


async def test_a_fault_that_makes_no_sense_is_wrong_usage(root: Path, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, "simulate", "spapi", "--fault", "often",
        stdout=PIPE, stderr=PIPE, env=os.environ | {"PYTHONPATH": str(root)}, cwd=tmp_path,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == 2
    assert b"'often' is not a fault: write 503:5%" in err
