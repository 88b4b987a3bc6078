"""What Amazon's notifications say of finished work."""

import json
from pathlib import Path
from typing import Any

import pytest

from handlers.errors import TemplateError
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.finished import KINDS, FinishedWork
from receiver.notification import Envelope, read

DOCUMENT = "amzn1.tortuga.3.edbcd0d8-3434-8222-1234-52ad8ade1208."


def document(path: Path) -> Any:
    (found,) = read(Envelope(path.read_text(), "m-1", "arn:aws:sns:us-east-1:123456789012:x", 1.0))
    return found.document


@pytest.mark.parametrize(
    ("name", "work"),
    [
        (
            "REPORT_PROCESSING_FINISHED",
            ("report", "54517018502", "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA", "CANCELLED", DOCUMENT + "REP4567URI9BMZ"),
        ),
        (
            "FEED_PROCESSING_FINISHED-1",
            ("feed", "53347018456", "POST_PRODUCT_DATA", "DONE", DOCUMENT + "URUTI57URI9BMZ"),
        ),
        ("DATA_KIOSK_QUERY_PROCESSING_FINISHED", ("query", "54517018502", "", "DONE", DOCUMENT + "REP4567URI9BMZ")),
    ],
)
def test_amazons_examples_are_read(shared: Path, name: str, work: tuple[str, ...]) -> None:
    found = FinishedWork.of(document(shared / "spapi/notifications" / f"{name}.json"))
    assert (found.kind.name, found.id, found.type, found.status, found.document_id) == work


def test_fields_may_begin_with_a_capital(shared: Path) -> None:
    text = (shared / "spapi/notifications/REPORT_PROCESSING_FINISHED.json").read_text()
    payload = json.loads(text)["payload"]["reportProcessingFinishedNotification"]
    capital = {name[0].upper() + name[1:]: value for name, value in payload.items()}
    given = {
        "type": "REPORT_PROCESSING_FINISHED",
        "payload": {"ReportProcessingFinishedNotification": capital},
    }
    assert FinishedWork.of(given).id == "54517018502"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"type": "ORDER_CHANGE", "payload": {}},
        {"type": "REPORT_PROCESSING_FINISHED"},
        {"type": "REPORT_PROCESSING_FINISHED", "payload": {"reportProcessingFinishedNotification": {"reportId": 7}}},
        {"type": "DATA_KIOSK_QUERY_PROCESSING_FINISHED", "payload": {"queryId": "1"}},
    ],
)
def test_other_notifications_are_an_error(given: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match=r"none of|lacks"):
        FinishedWork.of(given)


def test_every_kind_names_an_operation_of_the_catalogue() -> None:
    catalogue = Catalogue.load()
    for kind in KINDS.values():
        assert catalogue.find(kind.operation).has(kind.parameter)
