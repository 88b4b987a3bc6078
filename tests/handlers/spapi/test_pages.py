"""Pages put together."""

import json
from typing import Any

import pytest

from handlers.spapi.call import Call, Response
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.errors import SpapiFault
from handlers.spapi.pages import Pages


def gathered(call: Call, *answers: Any) -> Pages:
    pages = Pages()
    for answer in answers:
        assert pages.more
        pages.add(call, Response(call.operation.full_name, 200, answer, json.dumps(answer).encode(), {}, "r"))
    return pages


@pytest.mark.parametrize(
    ("operation", "answers", "whole"),
    [
        (
            "orders.2026-01-01.searchOrders",
            [
                {"orders": [1, 2], "pagination": {"nextToken": "a"}, "createdBefore": "x"},
                {"orders": [3], "pagination": {"nextToken": "b"}, "createdBefore": "y"},
                {"orders": [4]},
            ],
            {"orders": [1, 2, 3, 4], "pagination": {}, "createdBefore": "x"},
        ),
        (
            "orders.v0.getOrderItems",
            [
                {"payload": {"AmazonOrderId": "1", "OrderItems": [1], "NextToken": "a"}},
                {"payload": {"AmazonOrderId": "1", "OrderItems": [2]}},
            ],
            {"payload": {"AmazonOrderId": "1", "OrderItems": [1, 2]}},
        ),
        ("reports.getReports", [{"reports": [], "nextToken": "a"}, {"reports": [1]}], {"reports": [1]}),
        (
            "fba-inventory.v1.getInventorySummaries",
            [
                {"pagination": {"nextToken": "a"}, "payload": {"inventorySummaries": [1]}},
                {"pagination": {}, "payload": {"inventorySummaries": [2], "granularity": {}}},
            ],
            {"pagination": {}, "payload": {"inventorySummaries": [1, 2], "granularity": {}}},
        ),
    ],
)
def test_lists_grow_and_tokens_go(operation: str, answers: list[Any], whole: Any) -> None:
    pages = gathered(Call(Catalogue.load().find(operation)), *answers)
    assert not pages.more
    assert json.loads(pages.content()) == whole


def test_an_answer_that_is_cut_short_names_the_next_page() -> None:
    call = Call(Catalogue.load().find("orders.v0.getOrderItems"), {"orderId": "1"})
    first = {"payload": {"OrderItems": [1], "NextToken": "a"}}
    pages = gathered(call, first, {"payload": {"OrderItems": [2], "NextToken": "b"}})
    assert pages.more
    assert pages.arguments(call) == {"orderId": "1", "NextToken": "b"}
    assert json.loads(pages.content()) == {"payload": {"OrderItems": [1, 2], "NextToken": "b"}}


def test_a_page_that_names_itself_is_an_error() -> None:
    call = Call(Catalogue.load().find("orders.v0.getOrderItems"))
    page = {"payload": {"OrderItems": [], "NextToken": "a"}}
    with pytest.raises(SpapiFault, match="page 2 names itself"):
        gathered(call, page, page)


def test_an_operation_without_pages_ends_with_its_answer() -> None:
    pages = gathered(Call(Catalogue.load().find("reports.getReport")), {"nextToken": "a field of that name"})
    assert not pages.more
