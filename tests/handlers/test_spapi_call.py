"""The spapi handler, against the stand-in for Amazon."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from handlers.base import Dead, Done, Handler, Postpone, Retry, SettingsError, TemplateError
from handlers.spapi.buckets import Buckets
from handlers.spapi_call import SpapiCallSettings
from receiver.simulators.spapi.faults import Fault

SELLER = "A0001SIMULATED"
ORDER = "111-2223334-5556667"
GET_ORDER: dict[str, Any] = {
    "operation": "orders.2026-01-01.getOrder",
    "parameters": {"orderId": "{payload.OrderChangeNotification.AmazonOrderId}"},
}


def document(order: str = ORDER, seller: str = SELLER) -> dict[str, Any]:
    notification = {"AmazonOrderId": order, "Optional": None}
    return {"type": "ORDER_CHANGE", "seller_id": seller, "payload": {"OrderChangeNotification": notification}}


async def handler_of(amazon: Any, make: Any, **keys: Any) -> Handler[Any]:
    handler: Handler[Any] = await make("spapi", services=amazon.services, **keys)
    return handler


async def test_the_answer_is_the_result(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await handler_of(await amazon(), make, **GET_ORDER)
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Done)
    assert json.loads(outcome.result or b"")["order"]["orderId"] == ORDER
    assert (outcome.status, outcome.detail) == (200, "200")
    assert len(outcome.request_id) == 36
    assert outcome.response == (outcome.result or b"")[:4096]


async def test_the_sellers_account_is_called_for(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon(sellers=2)
    listing = {"operation": "fba-inventory.getInventorySummaries"}
    parameters = {"granularityType": "Marketplace", "granularityId": "ATVPDKIKX0DER", "marketplaceIds": "ATVPDKIKX0DER"}
    handler = await handler_of(both, make, **listing, parameters=parameters)
    assert isinstance(await handler.handle(delivery(document(seller="A0002SIMULATED"))), Done)
    missing = await handler.handle(delivery(document(seller="A0009SIMULATED")))
    assert isinstance(missing, Dead)
    assert "no SP-API account of seller A0009SIMULATED: run `spapi-router authorize`" in missing.reason
    assert both.simulated.grants["refresh_token", 200] == 1


async def test_account_and_marketplace_can_be_named(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon(sellers=2)
    named = await handler_of(both, make, **GET_ORDER, account="A0002SIMULATED@na", marketplace="US")
    assert isinstance(await named.handle(delivery(document(seller="A0009SIMULATED"))), Done)
    elsewhere = await handler_of(both, make, **GET_ORDER, marketplace="DE")
    outcome = await elsewhere.handle(delivery(document()))
    assert isinstance(outcome, Dead)
    assert "A1PA6795UKMFR9" in outcome.reason
    assert "eu" in outcome.reason


async def test_a_notification_without_a_seller_goes_to_the_only_account(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await handler_of(await amazon(), make, **GET_ORDER)
    arrived = document()
    del arrived["seller_id"]
    assert isinstance(await handler.handle(delivery(arrived)), Done)


async def test_an_error_of_amazons_is_dead_with_its_reason(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await handler_of(await amazon(), make, **GET_ORDER)
    outcome = await handler.handle(delivery(document("111-2223334-0000000")))
    assert isinstance(outcome, Dead)
    assert outcome.status == 404
    assert "orders.2026-01-01.getOrder answered 404: NotFound" in outcome.reason
    assert outcome.request_id
    assert outcome.request_id in outcome.reason


async def test_a_value_that_cannot_be_sent_is_dead(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await handler_of(await amazon(), make, **GET_ORDER)
    outcome = await handler.handle(delivery(document("..")))
    assert isinstance(outcome, Dead)
    assert "orderId cannot be '..'" in outcome.reason
    table = await handler_of(await amazon(), make, **GET_ORDER | {"parameters": {"orderId": "{payload}"}})
    outcome = await table.handle(delivery(document()))
    assert isinstance(outcome, Dead)
    assert "takes text, a number, true or false, not dict" in outcome.reason


async def test_a_fault_is_tried_again(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await handler_of(await amazon(faults=(Fault.parse("500:100%"),)), make, **GET_ORDER)
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Retry)
    assert (outcome.status, outcome.request_id) == (500, "simulated-fault")


async def test_a_full_usage_plan_postpones_and_a_wrong_count_does_too(amazon: Any, make: Any, delivery: Any) -> None:
    busy = await amazon(faults=(Fault.parse("429:100%"),))
    handler = await handler_of(busy, make, **GET_ORDER)
    first = await handler.handle(delivery(document(), webhook_id="a"))
    assert isinstance(first, Postpone)
    assert "answered 429" in first.reason
    second = await handler.handle(delivery(document(), webhook_id="b", id=8))
    assert isinstance(second, Postpone)
    assert "the usage plan of orders.2026-01-01.getOrder has no room" in second.reason
    assert second.after > 0
    assert sum(busy.simulated.amazon.statistics.calls.values()) == 0


async def test_places_in_the_plan_are_kept_by_delivery(amazon: Any, make: Any, delivery: Any) -> None:
    """A plan of 30 at once and one each two seconds: those who found it full wait for one after the other."""
    quick = await amazon()
    handler = await handler_of(quick, make, **GET_ORDER)
    outcomes = [await handler.handle(delivery(document(), webhook_id=f"d-{n}", id=n)) for n in range(34)]
    waits = [outcome.after for outcome in outcomes if isinstance(outcome, Postpone)]
    assert [type(outcome) for outcome in outcomes[:29]] == [Done] * 29
    assert len(waits) >= 4
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0] or waits[-1] - waits[0] > 2
    assert quick.simulated.amazon.statistics.of_status(429) == 0


@pytest.mark.parametrize("restricted", [None, ["buyerInfo"]])
async def test_what_supersedes_a_delivery_takes_its_place_in_the_plan(
    amazon: Any, make: Any, delivery: Any, restricted: list[str] | None
) -> None:
    both = await amazon()
    keys: dict[str, Any] = ITEMS | ({} if restricted is None else {"restricted": restricted})
    handler = await handler_of(both, make, **keys)
    client = await both.services["spapi"].get()
    operation = client.find(ITEMS["operation"])
    for number in range(40):
        client.buckets.reserve(f"{SELLER}@na", operation, number)
    first = await handler.handle(delivery(document(), webhook_id="first", key="k"))
    other = await handler.handle(delivery(document(), webhook_id="other", key="l"))
    newer = await handler.handle(delivery(document(), webhook_id="newer", key="k"))
    assert [type(outcome) for outcome in (first, other, newer)] == [Postpone] * 3
    assert newer.after <= first.after < other.after


ITEMS: dict[str, Any] = {
    "operation": "orders.v0.getOrderItems",
    "parameters": {"orderId": "{payload.OrderChangeNotification.AmazonOrderId}"},
}
LISTED: dict[str, Any] = {
    "operation": "orders.2026-01-01.searchOrders",
    "parameters": {"createdAfter": "2020-01-01T00:00:00Z", "maxResultsPerPage": 100},
}


async def test_all_pages_become_one_answer(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon(orders=250)
    handler = await handler_of(both, make, **LISTED, pages="all")
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Done)
    result = json.loads(outcome.result or b"")
    assert len({order["orderId"] for order in result["orders"]}) == 250
    assert not result["pagination"]
    assert outcome.detail == "200, 3 pages"
    first = await handler_of(both, make, **LISTED)
    outcome = await first.handle(delivery(document(), webhook_id="first"))
    assert isinstance(outcome, Done)
    assert len(json.loads(outcome.result or b"")["orders"]) == 100


async def test_pages_beyond_the_limit_are_left_and_said(amazon: Any, make: Any, delivery: Any, caplog: Any) -> None:
    handler = await handler_of(await amazon(orders=250), make, **LISTED, pages="all", most=2)
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Done)
    result = json.loads(outcome.result or b"")
    assert len(result["orders"]) == 200
    assert result["pagination"]["nextToken"]
    assert "more pages follow" in outcome.detail
    assert "pages_cut" in caplog.messages


async def test_pages_wait_for_the_plan_and_none_is_fetched_twice(
    amazon: Any, make: Any, delivery: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plan: 20 at once, then one in three minutes. 25 pages take more than that."""
    monkeypatch.setattr("handlers.spapi.service.Buckets", lambda: Buckets(clock))
    both = await amazon(orders=250)
    keys = LISTED | {"parameters": LISTED["parameters"] | {"maxResultsPerPage": 10}}
    handler = await handler_of(both, make, **keys, pages="all")
    postponed = 0
    while isinstance(outcome := await handler.handle(delivery(document())), Postpone):
        postponed += 1
        assert postponed < 40
        clock.now += outcome.after
    assert isinstance(outcome, Done)
    assert postponed >= 5
    assert len(json.loads(outcome.result or b"")["orders"]) == 250
    assert both.calls("orders.2026-01-01.searchOrders") == 25


async def test_pages_that_wait_are_kept_within_bounds(
    amazon: Any, make: Any, delivery: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.spapi.service.Buckets", lambda: Buckets(clock))
    both = await amazon(orders=40)
    keys = LISTED | {"parameters": LISTED["parameters"] | {"maxResultsPerPage": 10}}
    handler: Any = await handler_of(both, make, **keys, pages="all")
    for id_ in range(1, 12):
        await handler.handle(delivery(document(), id=id_, webhook_id=f"d-{id_}"))
        clock.now += 178.0
    (*before, last), bound = handler._begun, sum(pages.size for pages in handler._begun.values()) // 2
    assert len(before) > 3
    monkeypatch.setattr("handlers.spapi_call._MOST_KEPT", bound)
    handler._keep(last, handler._begun.pop(last))
    assert 0 < sum(pages.size for pages in handler._begun.values()) <= bound
    assert list(handler._begun) == [*before, last][-len(handler._begun) :]


async def test_pages_whose_token_has_ended_begin_again(
    amazon: Any, make: Any, delivery: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.spapi.service.Buckets", lambda: Buckets(clock))
    both = await amazon(orders=250)
    keys = LISTED | {"parameters": LISTED["parameters"] | {"maxResultsPerPage": 10}}
    handler: Any = await handler_of(both, make, **keys, pages="all")
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Postpone)
    handler._begun[7].token = "ended"
    clock.now += outcome.after
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Retry)
    assert "begin again" in outcome.reason


async def test_an_answer_that_is_too_long_is_not_handed_on(amazon: Any, make: Any, delivery: Any, caplog: Any) -> None:
    handler = await handler_of(await amazon(), make, **GET_ORDER, max_answer=10)
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Done)
    assert outcome.result is None
    assert "longer than max_answer (10 bytes)" in outcome.detail
    assert "result_too_long" in caplog.messages


async def test_restricted_data_comes_and_is_not_kept_with_the_attempt(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    plain = {"operation": "orders.v0.getOrder", "parameters": GET_ORDER["parameters"]}
    handler = await handler_of(both, make, **plain, restricted=["buyerInfo"])
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Done)
    assert "BuyerInfo" in json.loads(outcome.result or b"")["payload"]
    assert outcome.response == b""


async def test_a_body_is_rendered_and_sent(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    handler = await handler_of(
        both,
        make,
        operation="reports.createReport",
        body={"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": ["{payload.marketplace}"]},
    )
    outcome = await handler.handle(delivery({"seller_id": SELLER, "payload": {"marketplace": "ATVPDKIKX0DER"}}))
    assert isinstance(outcome, Done)
    assert outcome.status == 202
    (report,) = both.simulated.amazon.world.shops[SELLER].reports.values()
    assert report.body["marketplaceIds"] == ["ATVPDKIKX0DER"]
    assert json.loads(outcome.result or b"") == {"reportId": report.id}


async def test_a_parameter_that_renders_null_is_left_out(amazon: Any, make: Any, delivery: Any) -> None:
    optional = "{payload.OrderChangeNotification.Optional|default=null}"
    keys = GET_ORDER | {"parameters": GET_ORDER["parameters"] | {"includedData": optional}}
    handler = await handler_of(await amazon(), make, **keys)
    (request,) = handler.preview(delivery(document()))
    assert "includedData" not in request.summary


async def test_the_preview_shows_the_request_without_a_secret(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    keys = {
        "operation": "listings.2021-08-01.patchListingsItem",
        "parameters": {"sellerId": "{seller_id}", "sku": "a/b ü", "marketplaceIds": ["A1PA6795UKMFR9"]},
        "body": {"productType": "PRODUCT", "patches": []},
    }
    handler = await handler_of(both, make, **keys)
    (request,) = handler.preview(delivery(document()))
    assert request.summary == (
        "PATCH https://sellingpartnerapi-eu.amazon.com/listings/2021-08-01/items/A0001SIMULATED/a%2Fb%20%C3%BC"
        "?marketplaceIds=A1PA6795UKMFR9 for A0001SIMULATED"
    )
    assert request.headers == {"x-amz-access-token": "***"}
    assert json.loads(request.body or "") == {"productType": "PRODUCT", "patches": []}
    assert not both.simulated.grants


async def test_without_an_spapi_section_the_handler_does_not_start(make: Any) -> None:
    with pytest.raises(SettingsError, match=r"add an \[spapi\] section"):
        await make("spapi", **GET_ORDER)


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"operation": "orders.2026-01-01.getOrdr"}, "did you mean 'orders.2026-01-01.getOrder'?"),
        ({"operation": 7}, "an operation is expected"),
        ({"operation": "getOrder"}, "names several operations"),
        (GET_ORDER | {"parameters": {"orderID": "1"}}, "has no parameter 'orderID': did you mean 'orderId'?"),
        ({"operation": "orders.2026-01-01.getOrder"}, "needs the parameter orderId"),
        (GET_ORDER | {"parameters": {"orderId": ["1"]}}, "orderId takes one value, not a list"),
        (GET_ORDER | {"parameters": {"orderId": {"a": "1"}}}, "orderId takes no table"),
        (GET_ORDER | {"parameters": {"orderId": "{"}}, "is never closed"),
        (GET_ORDER | {"body": {"a": "1"}}, "takes no body"),
        ({"operation": "reports.createReport"}, "needs a body"),
        (GET_ORDER | {"pages": "all"}, "has no pages"),
        (GET_ORDER | {"most": 0}, "greater than or equal to 1"),
        (GET_ORDER | {"restricted": ["buyerInfo"]}, "takes no restricted data token"),
        (ITEMS | {"restricted": ["buyerinfo"]}, "did you mean 'buyerInfo'?"),
        (GET_ORDER | {"region": "eu"}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_refused(keys: dict[str, Any], error: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SpapiCallSettings.model_validate(keys)
    assert error in str(caught.value)


LISTING = {
    "operation": "listings.2021-08-01.getListingsItem",
    "parameters": {"sellerId": "{seller_id}", "sku": "SKU-0007", "marketplaceIds": ["ATVPDKIKX0DER"]},
}


async def test_what_is_handed_on_can_be_shaped(amazon: Any, make: Any, delivery: Any) -> None:
    result = {"order": "{payload.OrderChangeNotification.AmazonOrderId}", "asin": "{answer.summaries.0.asin}"}
    handler = await handler_of(await amazon(), make, **LISTING, result=result)
    outcome = await handler.handle(delivery(document()))
    assert isinstance(outcome, Done)
    assert json.loads(outcome.result or b"") == {"order": ORDER, "asin": "B000000007"}
    assert b"summaries" in outcome.response


async def test_what_is_handed_on_needs_no_answer(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    order = await (await handler_of(both, make, **GET_ORDER)).handle(delivery(document()))
    item = json.loads(order.result)["order"]["orderItems"][0]["orderItemId"]
    shipment = {
        "operation": "confirmShipment",
        "parameters": {"orderId": ORDER},
        "body": {"marketplaceId": "ATVPDKIKX0DER", "packageDetail": package(item)},
    }
    handler = await handler_of(both, make, **shipment, result={"order": ORDER, "was": "{result.carrier}"})
    outcome = await handler.handle(delivery(document() | {"result": {"carrier": "DHL"}}))
    assert (outcome.status, json.loads(outcome.result)) == (204, {"order": ORDER, "was": "DHL"})


def package(item: str) -> dict[str, Any]:
    items = [{"orderItemId": item, "quantity": 1}]
    sent = {"carrierCode": "DHL", "trackingNumber": "T1", "shipDate": "2026-01-01T00:00:00Z", "orderItems": items}
    return {"packageReferenceId": "1"} | sent


async def test_a_result_with_a_field_that_the_answer_lacks_names_it(amazon: Any, make: Any, delivery: Any) -> None:
    handler = await handler_of(await amazon(), make, **LISTING, result={"asin": "{answer.summary.asin}"})
    with pytest.raises(TemplateError, match=r"answer.summary.asin is missing.*did you mean summaries"):
        await handler.handle(delivery(document()))


async def test_an_answer_must_say_what_is_expected(amazon: Any, make: Any, delivery: Any) -> None:
    both = await amazon()
    handler = await handler_of(both, make, **LISTING, expect={"sku": ["SKU-0007"]})
    assert isinstance(await handler.handle(delivery(document())), Done)
    # The result is not made of an answer that is refused: it would lack other fields.
    wrong = await handler_of(both, make, **LISTING, expect={"sku": ["SKU-0008"]}, result={"x": "{answer.nothing}"})
    outcome = await wrong.handle(delivery(document()))
    assert isinstance(outcome, Dead)
    assert outcome.reason.startswith('answered 200, but sku is "SKU-0007", not "SKU-0008"; it says {"sku":')
    assert outcome.request_id
    old = GET_ORDER | {"operation": "orders.v0.getOrder", "restricted": ["buyerInfo"]}
    private = await handler_of(both, make, **old, expect={"payload": {"AmazonOrderId": ["another"]}})
    outcome = await private.handle(delivery(document()))
    assert outcome.reason == f'answered 200, but payload.AmazonOrderId is "{ORDER}", not "another"'
    assert outcome.response == b""
