"""SIGKILL in the middle of a report: the next daemon goes on, and the file is whole or not there."""

import asyncio
import hashlib
import json
import os
import resource
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns
from receiver.simulators.spapi import Settings, SimulatedSpapi
from receiver.simulators.spapi.documents import report_lines
from receiver.simulators.spapi.shop import Work
from tests.faults.process import Process

DOCUMENT = "amzn1.spdoc.simulated.report.7"


@pytest.fixture
async def amazon(rows: int) -> AsyncIterator[SimulatedSpapi]:
    """A stand-in for Amazon with one report that is done."""
    async with SimulatedSpapi(Settings(report_rows=rows, report_time=0.0)) as simulated:
        (shop,) = simulated.amazon.world.shops.values()
        shop.reports["7"] = Work("7", "GET_X", {"marketplaceIds": [shop.marketplace_id]}, 0.0, DOCUMENT)
        yield simulated


def handlers(amazon: SimulatedSpapi, directory: Path) -> str:
    seller = amazon.settings.seller_id(1)
    return (
        '[log]\nformat = "json"\n'
        '[spapi]\nclient_id = { env = "LWA_ID" }\nclient_secret = { env = "LWA_SECRET" }\n'
        f'endpoints = {{ lwa = "{amazon.lwa_url}", na = "{amazon.url}" }}\n'
        f'[[spapi.accounts]]\nseller_id = "{seller}"\nregion = "na"\nrefresh_token = {{ env = "REFRESH" }}\n'
        f'[handlers.report]\ntype = "report"\ndirectory = "{directory}"\ntimeout = "3m"\nthen = ["erp"]\n'
        '[[rules]]\nname = "reports"\nhandlers = ["report"]\n'
    )


def told(seller: str) -> dict[str, object]:
    fields = {"sellerId": seller, "reportId": "7", "reportType": "GET_X"}
    fields |= {"processingStatus": "DONE", "reportDocumentId": DOCUMENT}
    return {
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "payloadVersion": "2020-09-04",
        "eventTime": "2026-01-01T00:00:00Z",
        "payload": {"reportProcessingFinishedNotification": fields},
        "notificationMetadata": {"notificationId": str(uuid4())},
    }


def on_the_way(directory: Path, suffix: str) -> list[Path]:
    return [path for path in directory.glob(f".spapi-*{suffix}") if path.stat().st_size > 0]


async def killed_when_there_is(process: Process, directory: Path, suffix: str) -> None:
    """Kill the daemon as soon as it has written into such a file."""
    async with asyncio.timeout(120):
        while not on_the_way(directory, suffix):
            await asyncio.sleep(0.001)
    await process.kill()
    assert not (directory / "GET_X-7.txt").exists()
    assert on_the_way(directory, suffix)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak(process: Process) -> int:
    """The most memory that a process has had, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) << 10


def expected(rows: int) -> tuple[str, int]:
    """Digest and size of the report in UTF-8."""
    found, size = hashlib.sha256(), 0
    for text in report_lines(rows, "Größe"):
        found.update(text.encode())
        size += len(text.encode())
    return found.hexdigest(), size


@pytest.mark.parametrize("rows", [500_000, pytest.param(4_300_000, marks=pytest.mark.slow)])
async def test_a_report_is_whole_after_kills_while_it_is_downloaded_and_converted(
    write_rules: Callable[..., str],
    forward_to: Callable[..., str],
    sns: SimulatedSns,
    sink: Sink,
    amazon: SimulatedSpapi,
    tmp_path: Path,
    rows: int,
) -> None:
    """The second one is a report of 200 MB."""
    directory = tmp_path / "reports"
    rules = tmp_path / "rules.toml"
    rules.write_text(write_rules(forward_to() + handlers(amazon, directory)))
    made_digest, whole = expected(rows)
    made = amazon.settings
    secrets = {"LWA_ID": made.client_id, "LWA_SECRET": made.client_secret, "REFRESH": made.refresh_token(1)}
    process = await Process.start(rules, os.environ | secrets)
    address = (await process.ready())["listen"]
    # No file may grow beyond a part of what it is to be: it is not whole before the kill, however late that comes.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    assert (await sns.publish(f"http://{address}/sns", told(made.seller_id(1)))).status == 200
    await killed_when_there_is(process, directory, ".part")
    process = await Process.start(rules, secrets, {resource.RLIMIT_FSIZE: whole // 2})
    await killed_when_there_is(process, directory, ".tmp")
    process = await Process.start(rules, secrets)
    try:
        await sink.wait_for(1, within=180)
        assert peak(process) < 160 << 20
    finally:
        assert await process.stop() == 0
    result = json.loads(sink.arrivals[0].body)
    path = Path(result["path"])
    assert sorted(directory.iterdir()) == [path]
    assert (digest(path), path.stat().st_size) == (made_digest, whole)  # noqa: ASYNC240
    assert result["bytes"] == whole
