"""Reports asked for by a schedule, and reports that Amazon makes: whole files, and the ERP knows of them."""

import json
from pathlib import Path
from typing import Any

from receiver.inbox import State
from receiver.simulators.spapi.shop import Work

NAME = "report-download"
SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"


def told_file(scene: Any) -> tuple[Path, bytes]:
    """The file that the ERP was told of."""
    (told,) = scene.bodies
    path = Path(told["file"])
    content = path.read_bytes()
    assert (told["status"], told["bytes"]) == ("DONE", len(content))
    return path, content


async def test_a_schedule_fetches_the_listings_as_json_lines(play: Any, sample: Any) -> None:
    scene = await play(NAME, report_rows=50)
    await scene.push(sample("report-download/schedule.json"))
    await scene.ended()
    (report,) = scene.shop.reports.values()
    assert report.kind == "GET_MERCHANT_LISTINGS_ALL_DATA"
    lines = scene.written(f"reports/GET_MERCHANT_LISTINGS_ALL_DATA-{report.id}.jsonl")
    assert len(lines) == 50
    assert lines[0] == {
        "sku": "SKU-00000001",
        "asin": "B000000001",
        "price": "10.99",
        "quantity": "1",
        "title": "Größe 1",
    }
    assert told_file(scene)[1].count(b"\n") == 50


async def test_another_schedule_asks_for_nothing(play: Any, sample: Any) -> None:
    scene = await play(NAME)
    schedule = sample("report-download/schedule.json")
    schedule["resources"] = ["arn:aws:events:us-east-1:123456789012:rule/another"]
    await scene.push(schedule)
    assert await scene.ended() == []
    assert scene.shop.reports == {}


def finished(sample: Any, seller: str, status: str, report: Work | None = None) -> str:
    """The notification of a report's end, as a text of the stand-in's seller."""
    notification = sample("REPORT_PROCESSING_FINISHED")
    work = notification["payload"]["reportProcessingFinishedNotification"]
    work |= {"sellerId": seller, "reportType": SETTLEMENT, "processingStatus": status}
    work["reportDocumentId"] = report.document_id if report else None
    work["accountId"] = f"amzn1.merchant.o.{seller}"
    return json.dumps(notification)


async def test_a_settlement_is_fetched_when_amazon_has_made_it(play: Any, sample: Any) -> None:
    scene = await play(NAME, report_rows=3)
    report = Work("7", SETTLEMENT, {"marketplaceIds": ["ATVPDKIKX0DER"]}, 0.0, "amzn1.spdoc.simulated.report.7")
    scene.shop.reports["7"] = report
    await scene.push(finished(sample, scene.shop.seller_id, "DONE", report))
    await scene.ended()
    path, content = told_file(scene)
    assert path.parent.name == "settlements"
    assert content.decode().splitlines()[1] == "SKU-00000001\tB000000001\t10.99\t1\tGröße 1"
    assert scene.bodies[0]["report"] == SETTLEMENT


async def test_a_report_that_amazon_could_not_make_is_dead_with_its_reason(play: Any, sample: Any) -> None:
    scene = await play(NAME)
    await scene.push(finished(sample, scene.shop.seller_id, "FATAL"))
    (row,) = await scene.ended()
    assert row.state is State.DEAD
    assert "ended FATAL: Amazon could not make it" in row.reason
    assert scene.bodies == []


async def test_the_erp_hears_of_a_report_without_data(play: Any, sample: Any) -> None:
    scene = await play(NAME)
    await scene.push(finished(sample, scene.shop.seller_id, "CANCELLED"))
    await scene.ended()
    assert scene.bodies == [{"report": SETTLEMENT, "status": "CANCELLED", "file": None, "bytes": 0}]
