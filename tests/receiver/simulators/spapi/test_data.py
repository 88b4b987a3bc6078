"""What the stand-in holds: orders, products, reports, feeds, queries, notifications."""

import gzip
from typing import Any

import httpx
import pytest

from handlers.spapi.call import Call
from handlers.spapi.errors import SpapiError

US = "ATVPDKIKX0DER"
ORDER = "123-1234567-1234567"


async def test_orders_of_both_versions_are_the_same_orders(start: Any) -> None:
    both = await start()
    old = (await both.call("orders.v0.getOrder", orderId=ORDER))["payload"]
    items = (await both.call("orders.v0.getOrderItems", orderId=ORDER))["payload"]["OrderItems"]
    wanted = ["BUYER", "RECIPIENT", "FULFILLMENT", "PROCEEDS"]
    new = (await both.call("orders.getOrder", orderId=ORDER, includedData=wanted))["order"]
    assert old["AmazonOrderId"] == new["orderId"] == ORDER
    assert [item["OrderItemId"] for item in items] == [item["orderItemId"] for item in new["orderItems"]]
    assert {"buyer", "recipient", "fulfillment", "proceeds"} <= new.keys()
    assert {"buyer", "recipient"}.isdisjoint((await both.call("orders.getOrder", orderId=ORDER))["order"])


async def test_orders_come_in_pages_and_each_once(start: Any) -> None:
    both = await start(orders=230)
    account = both.simulated.settings.seller_id(1)
    for name, arguments, read in [
        ("orders.v0.getOrders", {"MarketplaceIds": US, "CreatedAfter": "2020-01-01T00:00:00Z"}, "AmazonOrderId"),
        ("orders.searchOrders", {"createdAfter": "2020-01-01T00:00:00Z"}, "orderId"),
    ]:
        call = Call(both.client.find(name), arguments, account=account)
        pages = [page.json async for page in both.client.paginate(call)]
        ids = [order[read] for page in pages for order in (page.get("payload", {}).get("Orders") or page.get("orders"))]
        assert len(pages) == 3
        assert len(set(ids)) == len(ids) == 230


async def test_orders_are_found_by_time_and_status(start: Any) -> None:
    both = await start(orders=100)
    recent = await both.call("orders.searchOrders", createdAfter="2027-01-15T07:50:30Z")
    assert len(recent["orders"]) == 10
    shipped = await both.call(
        "orders.v0.getOrders", MarketplaceIds=US, CreatedAfter="2020-01-01T00:00:00Z", OrderStatuses=["Shipped"]
    )
    assert {order["OrderStatus"] for order in shipped["payload"]["Orders"]} == {"Shipped"}


async def test_a_confirmed_shipment_ships_the_order(start: Any) -> None:
    both = await start()
    items = (await both.call("orders.v0.getOrderItems", orderId=ORDER))["payload"]["OrderItems"]
    package = {
        "packageReferenceId": "1",
        "carrierCode": "DHL",
        "trackingNumber": "T1",
        "shipDate": "2027-01-15T08:00:00Z",
        "orderItems": [{"orderItemId": items[0]["OrderItemId"], "quantity": 1}],
    }
    for detail, said in [
        ({}, "packageDetail lacks packageReferenceId, carrierCode, trackingNumber, shipDate, orderItems"),
        (package | {"packageReferenceId": "A"}, "packageReferenceId must be a positive number"),
        (package | {"orderItems": [{"orderItemId": "1", "quantity": 1}]}, "Not an item of the order"),
    ]:
        with pytest.raises(SpapiError, match=said):
            await both.call("confirmShipment", orderId=ORDER, body={"marketplaceId": US, "packageDetail": detail})
    for number in ("T1", "T2"):
        detail = package | {"trackingNumber": number}
        await both.call("confirmShipment", orderId=ORDER, body={"marketplaceId": US, "packageDetail": detail})
    assert (await both.call("orders.v0.getOrder", orderId=ORDER))["payload"]["OrderStatus"] == "Shipped"
    shop = both.simulated.amazon.world.shops[both.simulated.settings.seller_id(1)]
    assert shop.shipped[ORDER]["1"]["packageDetail"]["trackingNumber"] == "T2"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("orders.getOrder", {"orderId": "1"}, "400: InvalidInput: The orderId"),
        ("orders.getOrder", {"orderId": "123-1234567-0000000"}, "404: NotFound"),
        ("orders.searchOrders", {}, "Exactly one of createdAfter and lastUpdatedAfter"),
        ("orders.searchOrders", {"createdAfter": "yesterday"}, "not a time"),
        ("orders.searchOrders", {"createdAfter": "2020-01-01T00:00:00Z", "maxResultsPerPage": 101}, "from 1 to 100"),
        ("orders.searchOrders", {"paginationToken": "made-up"}, "pagination token is invalid"),
        ("orders.v0.getOrders", {"MarketplaceIds": US}, "CreatedAfter or LastUpdatedAfter"),
        ("orders.v0.getOrders", {"MarketplaceIds": ""}, "MarketplaceIds is required"),
        ("getReport", {"reportId": "1"}, "404: NotFound"),
        ("getReports", {"nextToken": "t", "pageSize": 10}, "nextToken must be the only parameter"),
        ("createReport", {"body": {"reportType": "R"}}, "marketplaceIds required"),
        ("createReport", {"body": b"{"}, "not JSON"),
        ("createDestination", {"body": {}}, "resourceSpecification"),
    ],
)
async def test_requests_that_amazon_refuses(start: Any, name: str, arguments: dict[str, Any], said: str) -> None:
    both = await start()
    with pytest.raises(SpapiError) as caught:
        await both.call(name, **arguments)
    assert said in str(caught.value)


async def test_a_listing_is_read_patched_replaced_and_deleted(start: Any) -> None:
    both = await start()
    where = {"sellerId": both.simulated.settings.seller_id(1), "sku": "SKU-0007", "marketplaceIds": US}
    stock = {"fulfillment_channel_code": "DEFAULT", "quantity": 5}
    patch = {"op": "replace", "path": "/attributes/fulfillment_availability", "value": [stock]}
    answer = await both.call(
        "listings.2021-08-01.patchListingsItem", body={"productType": "PRODUCT", "patches": [patch]}, **where
    )
    assert answer["status"] == "ACCEPTED"
    shown = await both.call(
        "listings.2021-08-01.getListingsItem", includedData=["attributes", "fulfillmentAvailability"], **where
    )
    assert shown["attributes"]["fulfillment_availability"] == [stock]
    assert shown["fulfillmentAvailability"][0]["quantity"] == 5
    await both.call("listings.2021-08-01.deleteListingsItem", **where)
    with pytest.raises(SpapiError, match="404: NotFound"):
        await both.call("listings.2021-08-01.getListingsItem", **where)
    await both.call("listings.2021-08-01.putListingsItem", body={"productType": "X", "attributes": {}}, **where)
    assert (await both.call("listings.2021-08-01.getListingsItem", **where))["summaries"][0]["productType"] == "X"


def stock_patch(**entry: Any) -> dict[str, Any]:
    value = [{"fulfillment_channel_code": "DEFAULT"} | entry]
    return {"op": "replace", "path": "/attributes/fulfillment_availability", "value": value}


async def test_quantities_are_kept_for_each_marketplace(start: Any) -> None:
    both = await start()
    seller, ca = both.simulated.settings.seller_id(1), "A2EUQ1WTGCTBG2"
    where = {"sellerId": seller, "sku": "SKU-0007"}
    shop = both.simulated.amazon.world.shops[seller]
    shop.listings["SKU-0007"].refusals["A1AM78C64UM0Y8"] = "The listing is blocked"
    answers = {}
    for marketplace, patches in [
        (US, [stock_patch(quantity=3)]),
        ("A1AM78C64UM0Y8", [stock_patch(quantity=3)]),
        (ca, [stock_patch(quantity=-1), {"op": "delete", "path": "/attributes/item_name"}]),
        ("A2Q3Y263D00KWC", [stock_patch(fulfillment_channel_code=None)]),
    ]:
        body = {"productType": "PRODUCT", "patches": patches}
        answers[marketplace] = await both.call(
            "listings.2021-08-01.patchListingsItem", body=body, marketplaceIds=marketplace, **where
        )
    assert [answer["status"] for answer in answers.values()] == ["ACCEPTED", "INVALID", "INVALID", "INVALID"]
    assert answers["A1AM78C64UM0Y8"]["issues"][0]["message"] == "The listing is blocked"
    assert "whole number" in answers[ca]["issues"][0]["message"]
    shown = {
        marketplace: await both.call(
            "listings.2021-08-01.getListingsItem",
            includedData=["fulfillmentAvailability", "attributes"],
            marketplaceIds=marketplace,
            **where,
        )
        for marketplace in answers
    }
    assert [item["fulfillmentAvailability"][0]["quantity"] for item in shown.values()] == [3, 7, 7, 7]
    assert "item_name" in shown[ca]["attributes"]
    inventory = await both.call(
        "getInventorySummaries",
        granularityType="Marketplace",
        granularityId=US,
        marketplaceIds=US,
        sellerSkus="SKU-0007",
    )
    assert inventory["payload"]["inventorySummaries"][0]["totalQuantity"] == 7


@pytest.mark.parametrize(
    ("patches", "said"),
    [
        ([], "must be a list that is not empty"),
        ([{"op": "replace", "path": "/item_name", "value": []}], "a path like /attributes/NAME"),
        ([{"op": "merge", "path": "/attributes/item_name", "value": []}], "add, replace or delete"),
        ([{"op": "replace", "path": "/attributes/item_name", "value": {}}], "value of a patch is a list"),
    ],
)
async def test_patches_that_are_none_are_refused_with_400(start: Any, patches: list[Any], said: str) -> None:
    both = await start()
    where = {"sellerId": both.simulated.settings.seller_id(1), "sku": "SKU-0007", "marketplaceIds": US}
    with pytest.raises(SpapiError, match=f"400: InvalidInput: .*{said}"):
        await both.call(
            "listings.2021-08-01.patchListingsItem", body={"productType": "PRODUCT", "patches": patches}, **where
        )


async def test_inventory_in_pages(start: Any) -> None:
    both = await start(skus=120)
    arguments = {"granularityType": "Marketplace", "granularityId": US, "marketplaceIds": US, "details": True}
    call = Call(both.client.find("getInventorySummaries"), arguments, account=both.simulated.settings.seller_id(1))
    pages = [page.json async for page in both.client.paginate(call, most=2)]
    assert [len(page["payload"]["inventorySummaries"]) for page in pages] == [50, 50]
    assert "inventoryDetails" in pages[0]["payload"]["inventorySummaries"][0]
    both.clock.now += 10
    with pytest.raises(SpapiError, match="granularityId the one of marketplaceIds"):
        await both.call("getInventorySummaries", **arguments | {"granularityId": "US"})


async def download(url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.get(url, headers=headers)


@pytest.mark.parametrize(("region", "charset", "word"), [("na", "windows-1252", "Größe"), ("fe", "shift_jis", "商品")])
async def test_a_report_takes_its_time_and_gives_a_document(start: Any, region: str, charset: str, word: str) -> None:
    both = await start(region=region, report_time=60.0, report_rows=20)
    body = {
        "reportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
        "marketplaceIds": [US if region == "na" else "A1VC38T7YXB528"],
    }
    report = (await both.call("createReport", body=body))["reportId"]
    states = []
    for _ in range(4):
        states.append((await both.call("getReport", reportId=report))["processingStatus"])
        both.clock.now += 21
    assert states == ["IN_QUEUE", "IN_PROGRESS", "IN_PROGRESS", "DONE"]
    document_id = (await both.call("getReport", reportId=report))["reportDocumentId"]
    document = await both.call("getReportDocument", reportDocumentId=document_id)
    assert document["compressionAlgorithm"] == "GZIP"
    answer = await download(document["url"])
    assert answer.headers["content-type"].lower() == f"text/plain; charset={charset}"
    lines = gzip.decompress(answer.content).decode(charset).splitlines()
    assert len(lines) == 21
    assert lines[1].endswith(f"{word} 1")
    part = await download(document["url"], range="bytes=10-19")
    assert (part.status_code, part.content) == (206, answer.content[10:20])
    both.clock.now += 301
    assert (await download(document["url"])).status_code == 403
    assert (await download(document["url"].replace("Signature=", "Signature=0"))).status_code == 403


async def test_reports_that_end_badly_or_never(start: Any) -> None:
    both = await start(report_time=1.0)
    ids = {}
    for wanted in ("FATAL", "CANCELLED", "STUCK"):
        body = {"reportType": "R", "marketplaceIds": [US], "reportOptions": {"simulate": wanted}}
        ids[wanted] = (await both.call("createReport", body=body))["reportId"]
    both.clock.now += 100
    found = {name: (await both.call("getReport", reportId=id_))["processingStatus"] for name, id_ in ids.items()}
    assert found == {"FATAL": "FATAL", "CANCELLED": "CANCELLED", "STUCK": "IN_QUEUE"}
    await both.call("cancelReport", reportId=ids["STUCK"])
    assert (await both.call("getReport", reportId=ids["STUCK"]))["processingStatus"] == "CANCELLED"


async def test_a_feed_is_put_and_its_result_fetched(start: Any) -> None:
    both = await start(report_time=0.0)
    document = await both.call("createFeedDocument", body={"contentType": "application/json; charset=UTF-8"})
    body = {"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [US], "inputFeedDocumentId": document["feedDocumentId"]}
    with pytest.raises(SpapiError, match="has not been uploaded"):
        await both.call("createFeed", body=body)
    async with httpx.AsyncClient() as http:
        assert (await http.put(document["url"], content=b"{}")).status_code == 200
        assert (await http.get(document["url"])).status_code == 403
    feed = await both.call("createFeed", body=body)
    done = await both.call("getFeed", feedId=feed["feedId"])
    assert done["processingStatus"] == "DONE"
    result = await both.call("getFeedDocument", feedDocumentId=done["resultFeedDocumentId"])
    assert (await download(result["url"])).json()["header"]["feedId"] == feed["feedId"]


async def test_a_data_kiosk_query_gives_json_lines(start: Any) -> None:
    both = await start(report_time=0.0, report_rows=3)
    query = (await both.call("createQuery", body={"query": "{ a }"}))["queryId"]
    document_id = (await both.call("getQuery", queryId=query))["dataDocumentId"]
    document = await both.call("dataKiosk.getDocument", documentId=document_id)
    assert len((await download(document["documentUrl"])).text.splitlines()) == 3


async def test_destinations_and_subscriptions(start: Any) -> None:
    both = await start()
    body = {"name": "d", "resourceSpecification": {"sqs": {"arn": "arn:aws:sqs:us-east-1:123456789012:q"}}}
    destination = (await both.call("createDestination", body=body))["payload"]["destinationId"]
    with pytest.raises(SpapiError, match="409: Conflict"):
        await both.call("createDestination", body=body)
    wanted = {"payloadVersion": "1.0", "destinationId": destination}
    made = (await both.call("createSubscription", notificationType="ORDER_CHANGE", body=wanted))["payload"]
    with pytest.raises(SpapiError, match="409: Conflict"):
        await both.call("createSubscription", notificationType="ORDER_CHANGE", body=wanted)
    assert (await both.call("getSubscription", notificationType="ORDER_CHANGE"))["payload"] == made
    with pytest.raises(SpapiError, match="409: Conflict"):
        await both.call("deleteDestination", destinationId=destination)
    which = {"notificationType": "ORDER_CHANGE", "subscriptionId": made["subscriptionId"]}
    await both.call("deleteSubscriptionById", **which)
    with pytest.raises(SpapiError, match="404: NotFound"):
        await both.call("getSubscriptionById", **which)
    await both.call("deleteDestination", destinationId=destination)
    assert (await both.call("getDestinations"))["payload"] == []
