"""The report handler, against the stand-in for Amazon."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from handlers.base import Dead, Delivery, Done, HandlerContext, Postpone, Retry, SettingsError, Unobserved
from handlers.report import ReportHandler, ReportSettings
from handlers.spapi.finished import FinishedWork
from receiver.simulators.spapi.faults import Fault
from receiver.simulators.spapi.shop import Work

SELLER = "A0001SIMULATED"


def told(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The document of a notification."""
    holder = {"REPORT": "reportProcessingFinishedNotification", "FEED": "feedProcessingFinishedNotification"}.get(kind)
    return {
        "type": f"{kind}_PROCESSING_FINISHED",
        "seller_id": SELLER,
        "payload": {holder: payload} if holder else payload,
    }


def report(status: str = "DONE", document_id: str = "d-1") -> dict[str, Any]:
    fields = {"reportId": "7", "reportType": "GET_X", "processingStatus": status, "reportDocumentId": document_id}
    return told("REPORT", fields)


async def finished_report(amazon: Any, clock: Any, marketplace: str = "ATVPDKIKX0DER") -> dict[str, Any]:
    """Ask for a report, let its time pass, and tell of it as Amazon does."""
    client = await amazon.services["spapi"].get()
    body = {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [marketplace]}
    made = (await client.call("reports.createReport", body=body)).json
    clock.now += 60
    found = (await client.call("reports.getReport", reportId=made["reportId"])).json
    return told("REPORT", {name: value for name, value in found.items() if isinstance(value, str)})


async def ended(handler: Any, delivery: Delivery, most: int = 200) -> Any:
    """The outcome after all that was postponed, and how often it was."""
    for number in range(most):
        outcome = await handler.handle(delivery)
        if not isinstance(outcome, Postpone):
            return outcome, number
    raise AssertionError(f"postponed {most} times: {outcome}")


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def expected(rows: int, word: str = "Größe") -> str:
    """The text of a report as the stand-in writes it."""
    lines = (f"SKU-{n:08d}\tB0{n:08d}\t{n % 90 + 9}.99\t{n % 40}\t{word} {n}\r\n" for n in range(1, rows + 1))
    return "sku\tasin\tprice\tquantity\ttitle\r\n" + "".join(lines)


async def test_a_report_becomes_a_file_in_utf_8(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon(report_rows=1000)
    handler = await make("report", services=both.services, directory=str(tmp_path / "out" / "{seller_id}"))
    document = await finished_report(both, clock)
    outcome, _ = await ended(handler, delivery(document))
    assert isinstance(outcome, Done)
    result = json.loads(outcome.result or b"")
    (name,) = files(tmp_path / "out")
    assert name == f"{SELLER}/GET_MERCHANT_LISTINGS_ALL_DATA-{result['id']}.txt"
    path = tmp_path / "out" / name
    assert path.read_bytes().decode() == expected(1000)
    assert result == {
        "kind": "report",
        "id": result["id"],
        "type": "GET_MERCHANT_LISTINGS_ALL_DATA",
        "status": "DONE",
        "document_id": document["payload"]["reportProcessingFinishedNotification"]["reportDocumentId"],
        "path": str(path),
        "bytes": path.stat().st_size,
        "rows": None,
        "charset": "windows-1252",
    }


async def test_rows_become_json_lines(amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path) -> None:
    both = await amazon(report_rows=25_000, region="fe")
    keys = {"directory": str(tmp_path / "out"), "name": "{type}.jsonl", "format": "lines"}
    handler = await make("report", services=both.services, **keys)
    outcome, _ = await ended(handler, delivery(await finished_report(both, clock, "A1VC38T7YXB528")))
    assert isinstance(outcome, Done)
    assert json.loads(outcome.result or b"")["rows"] == 25_000
    lines = (tmp_path / "out" / "REPORT_PROCESSING_FINISHED.jsonl").read_text().splitlines()
    assert len(lines) == 25_000
    assert json.loads(lines[6]) == {
        "sku": "SKU-00000007",
        "asin": "B000000007",
        "price": "16.99",
        "quantity": "7",
        "title": "商品 7",
    }


async def test_a_long_download_goes_on_attempt_after_attempt(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon(report_rows=200_000)
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"), timeout="1ms")
    outcome, postponed = await ended(handler, delivery(await finished_report(both, clock)))
    assert isinstance(outcome, Done)
    assert postponed >= 2
    (name,) = files(tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes().decode() == expected(200_000)
    assert both.calls("reports.2021-06-30.getReportDocument") == 1


@pytest.mark.parametrize("rest", [0, 1, 1000])
async def test_what_a_killed_daemon_left_is_gone_on_with(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path, rest: int
) -> None:
    both = await amazon(report_rows=20_000)
    document = await finished_report(both, clock)
    (tmp_path / "out").mkdir()
    await leave_a_part(both, delivery(document), make, tmp_path / "out", rest)
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"))
    outcome, _ = await ended(handler, delivery(document))
    assert isinstance(outcome, Done)
    (name,) = files(tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes().decode() == expected(20_000)


async def leave_a_part(amazon: Any, delivery: Delivery, make: Any, directory: Path, rest: int) -> None:
    """What a handler leaves that was killed: a part of the document that lacks its last `rest` bytes."""
    handler = await make("report", services=amazon.services, directory=str(directory))
    handler._finish = fail
    with pytest.raises(KeyboardInterrupt):
        await handler.handle(delivery)
    (name,) = files(directory)
    assert name.startswith(".spapi-")
    whole = (directory / name).read_bytes()
    (directory / name).write_bytes(whole[: len(whole) - rest])


async def fail(*_: Any) -> None:
    raise KeyboardInterrupt


async def test_a_damaged_part_is_fetched_again(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon(report_rows=20_000)
    document = await finished_report(both, clock)
    (tmp_path / "out").mkdir()
    await leave_a_part(both, delivery(document), make, tmp_path / "out", 0)
    (name,) = files(tmp_path / "out")
    part = tmp_path / "out" / name
    part.write_bytes(part.read_bytes()[:5000] + bytes(10_000))
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"))
    outcome, _ = await ended(handler, delivery(document))
    assert isinstance(outcome, Retry)
    assert "fetched again from its beginning" in outcome.reason
    assert files(tmp_path / "out") == []
    outcome, _ = await ended(handler, delivery(document))
    assert isinstance(outcome, Done)


async def test_a_url_that_has_ended_is_asked_for_again(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon(report_rows=1000)
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"))
    arrived = delivery(await finished_report(both, clock))
    handler._keep(arrived.id, await handler._link(arrived, FinishedWork.of(arrived.document)))
    clock.now += 400
    outcome, _ = await ended(handler, arrived)
    assert isinstance(outcome, Done)
    assert both.calls("reports.2021-06-30.getReportDocument") == 2


REQUEST = {"reportType": "GET_X", "marketplaceIds": ["{payload.marketplace}"]}


def wanting(delivery: Any, **changes: Any) -> Delivery:
    document = {"type": "ORDER_CHANGE", "seller_id": SELLER, "payload": {"marketplace": "ATVPDKIKX0DER"}}
    arrived: Delivery = delivery(document, **changes)
    return arrived


async def test_a_report_is_asked_for_once_and_waited_for_over_restarts(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon(report_rows=100, report_time=100.0)
    looks = 0
    while True:
        handler = await make("report", services=both.services, directory=str(tmp_path / "out"), request=REQUEST)
        outcome = await handler.handle(wanting(delivery))
        if not isinstance(outcome, Postpone):
            break
        assert outcome.after == 30.0
        assert outcome.begun
        assert ("is asked for", "is IN_QUEUE since 30 s", "since 60 s", "since 90 s")[looks] in outcome.reason
        clock.now += outcome.after
        looks += 1
        assert looks < 10
    assert isinstance(outcome, Done)
    assert looks == 4
    assert both.calls("reports.2021-06-30.createReport") == 1
    (name,) = files(tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes().decode() == expected(100)
    assert files(tmp_path / "requests") == []
    (asked,) = both.simulated.amazon.world.shops[SELLER].reports.values()
    assert asked.body == {"reportType": "GET_X", "marketplaceIds": ["ATVPDKIKX0DER"]}


async def test_a_report_that_stays_in_the_queue_is_given_up_and_a_replay_asks_for_another(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon()
    keys = {"directory": str(tmp_path / "out"), "request": REQUEST | {"reportOptions": {"simulate": "STUCK"}}}
    handler = await make("report", services=both.services, **keys, give_up="1h")
    assert isinstance(await handler.handle(wanting(delivery)), Postpone)
    clock.now += 3599
    assert isinstance(await handler.handle(wanting(delivery)), Postpone)
    clock.now += 1
    outcome = await handler.handle(wanting(delivery))
    assert isinstance(outcome, Dead)
    assert "is IN_QUEUE for 3600 s: given up, by give_up" in outcome.reason
    assert isinstance(await handler.handle(wanting(delivery)), Postpone)
    assert both.calls("reports.2021-06-30.createReport") == 2


async def test_a_report_that_was_asked_for_and_failed_is_dead(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon()
    keys = {"directory": str(tmp_path / "out"), "request": REQUEST | {"reportOptions": {"simulate": "FATAL"}}}
    handler = await make("report", services=both.services, **keys)
    await handler.handle(wanting(delivery))
    clock.now += 60
    outcome = await handler.handle(wanting(delivery))
    assert isinstance(outcome, Dead)
    assert "ended FATAL" in outcome.reason


async def test_a_report_that_amazon_no_longer_has_is_dead_and_a_replay_asks_for_another(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon(report_time=600.0)
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"), request=REQUEST)
    assert isinstance(await handler.handle(wanting(delivery)), Postpone)
    both.simulated.amazon.world.shops[SELLER].reports.clear()
    outcome = await handler.handle(wanting(delivery))
    assert isinstance(outcome, Dead)
    assert outcome.status == 404
    assert isinstance(await handler.handle(wanting(delivery)), Postpone)
    assert both.calls("reports.2021-06-30.createReport") == 2


async def test_a_report_that_was_asked_for_is_begun_also_where_it_cannot_be_looked_for_or_kept(
    amazon: Any, make: Any, delivery: Any, tmp_path: Path
) -> None:
    both = await amazon(report_time=0.0)
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"), request=REQUEST)
    (tmp_path / "out").rmdir()
    (tmp_path / "out").write_text("")
    outcome = await handler.handle(wanting(delivery))
    assert isinstance(outcome, Postpone)
    assert outcome.begun
    outcome = await handler.handle(wanting(delivery))
    assert isinstance(outcome, Retry)
    assert outcome.begun


async def test_what_cannot_be_kept_is_not_asked_for(amazon: Any, make: Any, delivery: Any, tmp_path: Path) -> None:
    both = await amazon()
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"), request=REQUEST)
    (tmp_path / "requests").write_text("")
    outcome = await handler.handle(wanting(delivery))
    assert isinstance(outcome, Retry)
    assert "requests cannot be used: Not a directory" in outcome.reason
    assert both.calls("reports.2021-06-30.createReport") == 0


async def test_the_preview_of_a_request(amazon: Any, make: Any, delivery: Any, tmp_path: Path) -> None:
    both = await amazon()
    keys = {"directory": str(tmp_path / "out"), "request": REQUEST, "marketplace": "US"}
    handler = await make("report", services=both.services, **keys)
    (request,) = handler.preview(wanting(delivery))
    url = "https://sellingpartnerapi-na.amazon.com/reports/2021-06-30/reports"
    assert request.summary == f"POST {url} for {SELLER}, and wait for the report"
    assert json.loads(request.body or "") == {"reportType": "GET_X", "marketplaceIds": ["ATVPDKIKX0DER"]}


async def test_a_feeds_result_is_a_file_of_json(amazon: Any, make: Any, delivery: Any, tmp_path: Path) -> None:
    both = await amazon(report_time=0.0)
    shop = both.simulated.amazon.world.shops[SELLER]
    shop.feeds["9"] = Work("9", "POST_PRODUCT_DATA", {"marketplaceIds": ["ATVPDKIKX0DER"]}, 0.0, "document.9")
    fields = {
        "feedId": "9",
        "feedType": "POST_PRODUCT_DATA",
        "processingStatus": "DONE",
        "resultFeedDocumentId": "document.9",
    }
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"))
    outcome, _ = await ended(handler, delivery(told("FEED", fields)))
    assert isinstance(outcome, Done)
    assert json.loads(outcome.result or b"")["kind"] == "feed"
    found = json.loads((tmp_path / "out" / "POST_PRODUCT_DATA-9.json").read_text())
    assert found["summary"]["errors"] == 0


async def test_a_restricted_report_is_asked_for_with_a_token_of_its_own(
    amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both = await amazon(report_rows=10)
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"), restricted=True)
    outcome, _ = await ended(handler, delivery(await finished_report(both, clock)))
    assert isinstance(outcome, Done)
    assert both.calls("tokens.2021-03-01.createRestrictedDataToken") == 1


async def test_a_full_usage_plan_postpones(amazon: Any, make: Any, delivery: Any, tmp_path: Path) -> None:
    both = await amazon(faults=(Fault.parse("429:100%"),))
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"))
    assert isinstance(await handler.handle(delivery(report())), Postpone)


async def test_a_querys_rows(amazon: Any, make: Any, delivery: Any, clock: Any, tmp_path: Path) -> None:
    both = await amazon(report_rows=50)
    client = await both.services["spapi"].get()
    query = (await client.call("dataKiosk.createQuery", body={"query": "query {x}"})).json["queryId"]
    clock.now += 60
    found = (await client.call("dataKiosk.getQuery", queryId=query)).json
    handler = await make("report", services=both.services, directory=str(tmp_path / "out"))
    outcome, _ = await ended(handler, delivery(told("DATA_KIOSK_QUERY", found)))
    assert isinstance(outcome, Done)
    lines = (tmp_path / "out" / f"query-{query}.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == list(range(50))


@pytest.mark.parametrize("status", ["CANCELLED", "DONE_NO_DATA"])
async def test_no_data_is_done_without_a_file(
    amazon: Any, make: Any, delivery: Any, tmp_path: Path, status: str
) -> None:
    handler = await make("report", services=(await amazon()).services, directory=str(tmp_path / "out"))
    outcome = await handler.handle(delivery(report(status)))
    assert isinstance(outcome, Done)
    assert json.loads(outcome.result or b"")["path"] is None
    assert "report 7 (GET_X)" in outcome.detail
    assert "there is no file" in outcome.detail
    assert files(tmp_path / "out") == []


async def test_a_fatal_end_is_dead_and_names_the_document_that_says_why(
    amazon: Any, make: Any, delivery: Any, tmp_path: Path
) -> None:
    handler = await make("report", services=(await amazon()).services, directory=str(tmp_path / "out"))
    outcome = await handler.handle(delivery(report("FATAL", "d-9")))
    assert isinstance(outcome, Dead)
    assert "report 7 (GET_X) ended FATAL" in outcome.reason
    assert "document d-9 says why" in outcome.reason


async def test_another_notification_is_dead(amazon: Any, make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("report", services=(await amazon()).services, directory=str(tmp_path / "out"))
    outcome = await handler.handle(delivery({"type": "ORDER_CHANGE"}))
    assert isinstance(outcome, Dead)
    assert "ORDER_CHANGE is none of REPORT_PROCESSING_FINISHED" in outcome.reason


async def test_a_document_that_is_not_there_is_dead(amazon: Any, make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("report", services=(await amazon()).services, directory=str(tmp_path / "out"))
    outcome = await handler.handle(delivery(report(document_id="nowhere")))
    assert isinstance(outcome, Dead)
    assert outcome.status == 404


async def test_what_a_notification_names_cannot_lead_elsewhere(
    amazon: Any, make: Any, delivery: Any, tmp_path: Path
) -> None:
    handler = await make("report", services=(await amazon()).services, directory=str(tmp_path / "out"))
    hostile = report()
    hostile["payload"]["reportProcessingFinishedNotification"] |= {"reportType": "../../etc", "reportId": "/x"}
    requests = handler.preview(delivery(hostile))
    assert requests[1].summary == f"write {tmp_path / 'out' / '_._.._etc-_x.txt'}"


async def test_the_preview_shows_call_and_file(amazon: Any, make: Any, delivery: Any, tmp_path: Path) -> None:
    handler = await make("report", services=(await amazon()).services, directory=str(tmp_path), marketplace="US")
    call, file = handler.preview(delivery(report()))
    url = "https://sellingpartnerapi-na.amazon.com/reports/2021-06-30/documents/d-1"
    assert call.summary == f"GET {url} for {SELLER}"
    assert file.summary == f"write {tmp_path / 'GET_X-7.txt'}"
    (nothing,) = handler.preview(delivery(report("FATAL")))
    assert nothing.summary == "nothing: report 7 (GET_X) ended FATAL"


async def test_a_directory_that_cannot_be_made_stops_the_start(amazon: Any, make: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made: Not a directory"):
        await make("report", services=(await amazon()).services, directory=str(tmp_path / "file" / "out"))


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({}, "Field required"),
        ({"directory": "x", "name": "a/{type}"}, "a name holds no slash"),
        ({"directory": "x", "charset": "klingon"}, "no charset that is known here"),
        ({"directory": "x", "request": {"marketplaceIds": ["{marketplace_id}"]}}, "a table is expected"),
        ({"directory": "x", "request": "GET_X"}, "a table is expected"),
        ({"directory": "x", "format": "json"}, "'text' or 'lines'"),
    ],
)
def test_wrong_settings_are_refused(keys: dict[str, Any], error: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ReportSettings.model_validate(keys)
    assert error in str(caught.value)


class SeenReports(Unobserved):
    """An observer of reports."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def report_seen(self, handler: str, report: str, state: str) -> None:
        self.seen.append((handler, report, state))


async def test_an_observer_hears_of_a_report_as_long_as_it_is_waited_for(
    amazon: Any, delivery: Any, clock: Any, tmp_path: Path
) -> None:
    both, observer = await amazon(report_rows=5), SeenReports()
    body = {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": ["ATVPDKIKX0DER"]}
    settings = ReportSettings.model_validate({"directory": str(tmp_path / "out"), "request": body})
    log = logging.getLogger("test")
    handler = ReportHandler(settings, HandlerContext("daily", log, clock, tmp_path, both.services, observer=observer))
    await handler.start()
    asking = delivery({"type": "X"})
    while isinstance(await handler.handle(asking), Postpone):
        clock.now += 30
    await handler.close()
    states = [state for _, _, state in observer.seen]
    assert {(name, report) for name, report, _ in observer.seen} == {("daily", asking.webhook_id)}
    assert states[0] in {"IN_QUEUE", "IN_PROGRESS"}
    assert states[-1] == "DONE"
