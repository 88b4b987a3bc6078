"""Where each API keeps the token of the next page, and how it wants it back."""

from typing import Any

import pytest

from handlers.spapi.catalogue import Catalogue
from handlers.spapi.pagination import next_arguments, next_token, token_parameter


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        ({"nextToken": "t"}, "t"),
        ({"pagination": {"nextToken": "t"}, "payload": {}}, "t"),
        ({"payload": {"NextToken": "t"}}, "t"),
        ({"payload": {"pagination": {"nextToken": "t"}}}, "t"),
        ({"nextPageToken": "t"}, "t"),
        ({"nextToken": ""}, None),
        ({"nextToken": None, "pagination": None, "payload": [{"nextToken": "t"}]}, None),
        ({}, None),
        (["nextToken"], None),
        (None, None),
    ],
)
def test_the_token_is_found_where_the_apis_put_it(answer: Any, token: str | None) -> None:
    assert next_token(answer) == token


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        (
            "orders.searchOrders",
            {"createdAfter": "2026-01-01T00:00:00Z"},
            {"createdAfter": "2026-01-01T00:00:00Z", "paginationToken": "t"},
        ),
        ("orders.v0.getOrders", {"MarketplaceIds": ["M"]}, {"MarketplaceIds": ["M"], "NextToken": "t"}),
        ("getReports", {"reportTypes": ["R"], "pageSize": 10}, {"nextToken": "t"}),
        ("getFeeds", {"feedTypes": ["F"]}, {"nextToken": "t"}),
        (
            "searchContentDocuments",
            {"marketplaceId": "M"},
            {"marketplaceId": "M", "pageToken": "t"},
        ),
        (
            "fba-inbound.v0.getShipments",
            {"QueryType": "SHIPMENT", "MarketplaceId": "M"},
            {"QueryType": "NEXT_TOKEN", "MarketplaceId": "M", "NextToken": "t"},
        ),
        (
            "searchListingsItems",
            {"sellerId": "S", "marketplaceIds": ["M"]},
            {"sellerId": "S", "marketplaceIds": ["M"], "pageToken": "t"},
        ),
        ("createReport", {}, {}),
    ],
)
def test_the_next_page_is_asked_for_as_the_api_wants_it(name: str, arguments: dict[str, Any], wanted: Any) -> None:
    assert next_arguments(Catalogue.load().find(name), arguments, "t") == wanted


def test_every_query_parameter_that_looks_like_a_page_token_is_known() -> None:
    for operation in Catalogue.load():
        tokens = {item.name for item in operation.parameters if item.name.lower().endswith("token")}
        if tokens - {"x-amzn-idempotency-token", "requestToken"}:
            assert token_parameter(operation) in tokens
