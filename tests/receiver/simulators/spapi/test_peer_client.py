"""The stand-in is faithful enough for somebody else's client: python-amazon-sp-api, unchanged but for its endpoints."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from receiver.simulators.spapi import Settings, SimulatedSpapi

US = "ATVPDKIKX0DER"
ORDER = "123-1234567-1234567"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedSpapi]:
    async with SimulatedSpapi(Settings(orders=230, report_time=0.0, report_rows=20)) as started:
        yield started


@pytest.fixture
async def peer(simulated: SimulatedSpapi, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Makes a client of one of its APIs."""
    from sp_api.asyncio import api
    from sp_api.asyncio.auth import access_token_client

    monkeypatch.setattr(access_token_client.AccessTokenClient, "scheme", "http://")
    monkeypatch.setattr(access_token_client.AccessTokenClient, "host", simulated.url.removeprefix("http://"))
    for cache in (access_token_client.cache, access_token_client.grantless_cache):
        cache.clear()
    settings = simulated.settings
    credentials = {"lwa_app_id": settings.client_id, "lwa_client_secret": settings.client_secret}
    stack = AsyncExitStack()

    async def make(name: str) -> Any:
        client = getattr(api, name)(credentials=credentials, refresh_token=settings.refresh_token(1))
        client.endpoint = simulated.url
        stack.push_async_callback(client._auth.aclose)
        return await stack.enter_async_context(client)

    async with stack:
        yield make


async def test_orders_and_items(peer: Any) -> None:
    orders = await peer("OrdersV0")
    first = await orders.get_orders(CreatedAfter="2020-01-01T00:00:00Z")
    second = await orders.get_orders(NextToken=first.payload["NextToken"])
    ids = {order["AmazonOrderId"] for page in (first, second) for order in page.payload["Orders"]}
    assert len(ids) == 200
    assert (await orders.get_order(ORDER)).payload["AmazonOrderId"] == ORDER
    assert (await orders.get_order_items(ORDER)).payload["OrderItems"]


async def test_buyers_data_through_its_restricted_tokens(peer: Any) -> None:
    orders = await peer("OrdersV0")
    order = await orders.get_order(ORDER, RestrictedResources=["buyerInfo", "shippingAddress"])
    assert {"BuyerInfo", "ShippingAddress"} <= order.payload.keys()


async def test_orders_of_2026(peer: Any) -> None:
    orders = await peer("OrdersV20260101")
    found = await orders.search_orders(createdAfter="2020-01-01T00:00:00Z", maxResultsPerPage=10)
    assert len(found.payload["orders"]) == 10
    assert (await orders.get_order(ORDER)).payload["order"]["orderId"] == ORDER


async def test_reports_to_the_decoded_document(peer: Any) -> None:
    reports = await peer("Reports")
    made = await reports.create_report(reportType="GET_MERCHANT_LISTINGS_ALL_DATA", marketplaceIds=[US])
    report = await reports.get_report(made.payload["reportId"])
    assert report.payload["processingStatus"] == "DONE"
    document = await reports.get_report_document(report.payload["reportDocumentId"], download=True)
    assert len(document.payload["document"].splitlines()) == 21
    listed = await reports.get_reports(reportTypes=["GET_MERCHANT_LISTINGS_ALL_DATA"])
    assert [item["reportId"] for item in listed.payload["reports"]] == [made.payload["reportId"]]


async def test_notifications(peer: Any) -> None:
    notifications = await peer("Notifications")
    made = await notifications.create_destination(name="d", arn="arn:aws:sqs:us-east-1:123456789012:q")
    destination = made.payload["destinationId"]
    subscribed = await notifications.create_subscription("ORDER_CHANGE", destination_id=destination)
    found = await notifications.get_subscription("ORDER_CHANGE")
    assert found.payload["subscriptionId"] == subscribed.payload["subscriptionId"]


async def test_its_errors_are_those_it_knows(peer: Any) -> None:
    from sp_api.base import SellingApiNotFoundException

    orders = await peer("OrdersV0")
    with pytest.raises(SellingApiNotFoundException):
        await orders.get_order("123-1234567-0000000")
