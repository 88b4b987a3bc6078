"""Calls over a real socket: what Amazon sees, and what is made of its answers."""

import asyncio
import logging
import re
from typing import Any

import httpx
import orjson
import pytest

from handlers.spapi.accounts import Accounts
from handlers.spapi.buckets import Buckets
from handlers.spapi.call import Call
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.client import SpapiClient
from handlers.spapi.errors import (
    AccountError,
    CatalogueError,
    LwaError,
    PlanExhausted,
    RegionError,
    SpapiError,
    SpapiFault,
    Unreachable,
)
from handlers.spapi.lwa import LwaClient
from handlers.spapi.regions import Endpoints

DE, JP, US = "A1PA6795UKMFR9", "A1VC38T7YXB528", "ATVPDKIKX0DER"


def error(code: str, message: str = "m", details: str = "") -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message, "details": details}]}


async def test_a_call_as_amazon_sees_it(client: SpapiClient, amazon: Any) -> None:
    response = await client.call("orders.2026-01-01.getOrder", account="A1SELLER", orderId="1/2 ü")
    (seen,) = amazon.calls
    assert (seen.method, seen.raw_path) == ("GET", "/orders/2026-01-01/orders/1%2F2%20%C3%BC")
    assert seen.headers["x-amz-access-token"] == "Atza|1"
    agent = r"spapi-router/\S+ \(Language=Python/3\.\d+; Platform=\w+\)"
    assert re.fullmatch(agent, seen.headers["user-agent"])
    assert "content-type" not in seen.headers
    assert (response.status, response.json, response.request_id) == (200, {"payload": {"n": 1}}, "request-1")
    assert response.headers["x-amzn-requestid"] == "request-1"


async def test_arrays_and_bodies_arrive_as_they_were_given(client: SpapiClient, amazon: Any) -> None:
    await client.call(
        "listings.2021-08-01.patchListingsItem",
        account="A2SELLER",
        sellerId="A2SELLER",
        sku="a+b/c",
        marketplaceIds=[DE],
        body={"productType": "X", "patches": []},
    )
    await client.call("listPrepDetails", account="A1SELLER", marketplaceId=US, mskus=["a&b", "c,d"])
    patch, prep = amazon.calls
    assert patch.raw_path == f"/listings/2021-08-01/items/A2SELLER/a%2Bb%2Fc?marketplaceIds={DE}"
    assert patch.headers["content-type"] == "application/json"
    assert orjson.loads(amazon.bodies[0]) == {"productType": "X", "patches": []}
    assert prep.query.getall("mskus") == ["a&b", "c,d"]


async def test_the_marketplace_chooses_the_account_and_another_region_is_named(
    client: SpapiClient, amazon: Any
) -> None:
    await client.call("getInventorySummaries", granularityType="Marketplace", granularityId=DE, marketplaceIds=DE)
    assert amazon.forms[0]["refresh_token"] == "refresh-two"
    await client.call("createReport", body={"reportType": "R", "marketplaceIds": [US]})
    assert amazon.forms[1]["refresh_token"] == "refresh-one"
    with pytest.raises(RegionError, match=r"belongs to region fe.*the account is of region eu"):
        await client.call("createReport", account="A2SELLER", body={"reportType": "R", "marketplaceIds": [DE, JP]})
    with pytest.raises(AccountError, match="no SP-API account of seller A9: run `spapi-router authorize`"):
        await client.call("createReport", account="A9", body={})


async def test_grantless_operations_use_the_applications_own_token(client: SpapiClient, amazon: Any) -> None:
    operation = client.find("getDestinations")
    await client.send(Call(operation, region="eu"))
    await client.send(Call(operation, account="A1SELLER"))
    assert [form["grant_type"] for form in amazon.forms] == ["client_credentials"]
    assert amazon.forms[0]["scope"] == "sellingpartnerapi::notifications"
    with pytest.raises(AccountError, match="several SP-API accounts"):
        await client.send(Call(operation))


async def test_a_token_that_ends_amid_a_burst_is_renewed_once(
    amazon: Any, http: httpx.AsyncClient, accounts: Accounts, lwa: LwaClient
) -> None:
    record = {
        "api": "probe",
        "version": "v1",
        "operation": "probe",
        "method": "GET",
        "path": "/probe",
        "parameters": [],
    }
    catalogue = Catalogue.parse([record | {"rate": 1000.0, "burst": 1000}])
    endpoints = Endpoints(overrides={"na": amazon.url})
    client = SpapiClient(catalogue, lwa, accounts, Buckets(), http, endpoints)
    await client.call("probe", account="A1SELLER")

    def answer(_request: Any, _body: bytes) -> None:
        if len(amazon.calls) == 60:
            amazon.tokens.clear()

    amazon.answer = answer
    responses = await asyncio.gather(*(client.call("probe", account="A1SELLER") for _ in range(200)))
    assert [response.status for response in responses] == [200] * 200
    assert amazon.grants == {"refresh_token": 2}
    assert len(amazon.calls) > 201


async def test_a_token_that_stays_refused_is_renewed_once_and_then_given_up(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (401, error("Unauthorized"), {})
    with pytest.raises(SpapiError, match="still has access") as caught:
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert amazon.issued == 2
    assert not caught.value.retryable


async def test_a_403_that_is_not_about_the_token_renews_nothing(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (403, error("Unauthorized", "Access to requested resource is denied."), {})
    with pytest.raises(SpapiError, match="role which the operation needs"):
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert amazon.issued == 1


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "InvalidInput", False),
        (403, "Unauthorized", False),
        (404, "NotFound", False),
        (413, "RequestTooLarge", False),
        (500, "InternalFailure", True),
        (502, "", True),
        (504, "", True),
        (400, "QuotaExceeded", True),
        (302, "", False),
    ],
)
async def test_errors_are_parsed_and_judged(
    client: SpapiClient, amazon: Any, status: int, code: str, retryable: bool
) -> None:
    amazon.answer = lambda _request, _body: (status, error(code, "what", "why"), {"location": "http://127.0.0.1:1/"})
    operation = client.find("orders.getOrder")
    with pytest.raises(SpapiError) as caught:
        await client.send(Call(operation, {"orderId": "1"}, account="A1SELLER", patience=0))
    found = caught.value
    assert (found.status, found.code, found.message, found.details) == (status, code, "what", "why")
    assert (found.retryable, found.request_id) == (retryable, "request-1")
    assert "orders.2026-01-01.getOrder answered" in str(found)
    assert "(request request-1)" in str(found)


@pytest.mark.parametrize("answer", [b"<html>gateway</html>", b"", b"[]", b'{"errors":"x"}', b'{"errors":[1,null]}'])
async def test_errors_that_are_not_sp_apis(client: SpapiClient, amazon: Any, answer: bytes) -> None:
    amazon.answer = lambda _request, _body: (400, answer, {})
    with pytest.raises(SpapiError, match="answered 400: no reason given"):
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")


async def test_what_amazon_says_is_shown_on_one_line(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (400, error("Invalid\x1b[31m", "a\r\nb" + "c" * 9000), {})
    with pytest.raises(SpapiError) as caught:
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


async def test_an_answer_that_is_empty_or_not_json(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (204, b"", {})
    response = await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert (response.status, response.json, response.content) == (204, None, b"")
    amazon.answer = lambda _request, _body: (200, b"%PDF", {})
    response = await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert (response.json, response.content) == (None, b"%PDF")


async def test_429_pauses_the_plan_and_the_call_goes_through(client: SpapiClient, amazon: Any, clock: Any) -> None:
    def answer(_request: Any, _body: bytes) -> Any:
        return (429, error("QuotaExceeded"), {"Retry-After": "7"}) if len(amazon.calls) == 1 else None

    amazon.answer = answer
    response = await client.call("createReport", account="A1SELLER", body={})
    assert response.status == 200
    assert sum(clock.slept) >= 7
    assert len(amazon.calls) == 2


async def test_a_caller_that_does_not_wait_is_told_when_to_come_back(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (429, error("QuotaExceeded"), {"Retry-After": "7"})
    call = Call(client.find("createReport"), body={}, account="A1SELLER", ticket="d-1", patience=0)
    with pytest.raises(SpapiError) as caught:
        await client.send(call)
    assert (caught.value.throttled, caught.value.retryable, caught.value.after) == (True, True, 7.0)
    with pytest.raises(PlanExhausted) as exhausted:
        await client.send(call)
    assert exhausted.value.after >= 7
    assert len(amazon.calls) == 1


async def test_429_without_end_is_given_up(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (429, error("QuotaExceeded"), {})
    with pytest.raises(SpapiError, match="answered 429: QuotaExceeded"):
        await client.call("createReport", account="A1SELLER", body={})
    assert len(amazon.calls) == 5


async def test_503_is_tried_again_only_where_that_cannot_act_twice(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (503, error("ServiceUnavailable"), {})
    with pytest.raises(SpapiError):
        await client.call("createReport", account="A1SELLER", body={})
    assert len(amazon.calls) == 1
    with pytest.raises(SpapiError):
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert len(amazon.calls) == 6


async def test_the_rate_in_an_answer_is_followed(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (404, error("NotFound"), {"x-amzn-RateLimit-Limit": "7.5"})
    with pytest.raises(SpapiError):
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert client.buckets.usage()[0].rate == pytest.approx(7.5, rel=0.05)


async def test_pages_one_after_the_other(client: SpapiClient, amazon: Any) -> None:
    def answer(request: Any, _body: bytes) -> Any:
        page = int(request.query.get("paginationToken", "0"))
        return 200, {"orders": [page], "pagination": {"nextToken": str(page + 1)} if page < 3 else {}}, {}

    amazon.answer = answer
    call = Call(client.find("searchOrders"), {"createdAfter": "2026-01-01T00:00:00Z"}, account="A1SELLER")
    assert [page.json["orders"] async for page in client.paginate(call)] == [[0], [1], [2], [3]]
    assert {request.query["createdAfter"] for request in amazon.calls} == {"2026-01-01T00:00:00Z"}
    assert [page.json["orders"] async for page in client.paginate(call, most=2)] == [[0], [1]]
    assert len(amazon.calls) == 6


async def test_pages_that_never_end_are_noticed(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (200, {"nextToken": "same"}, {})
    with pytest.raises(SpapiFault, match="page 2 names itself as the next one"):
        [page async for page in client.paginate(Call(client.find("getReports"), account="A1SELLER"))]


async def test_an_operation_without_pages_has_one(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (200, {"nextToken": "t"}, {})
    call = Call(client.find("orders.getOrder"), {"orderId": "1"}, account="A1SELLER")
    assert len([page async for page in client.paginate(call)]) == 1


async def test_what_is_wrong_with_a_call_is_said_before_anything_is_sent(client: SpapiClient, amazon: Any) -> None:
    with pytest.raises(CatalogueError, match="did you mean 'orderId'"):
        await client.call("orders.getOrder", account="A1SELLER", orderid="1")
    assert amazon.calls == amazon.forms == []


async def test_a_host_that_is_not_there(
    http: httpx.AsyncClient, accounts: Accounts, lwa: LwaClient, catalogue: Catalogue
) -> None:
    client = SpapiClient(catalogue, lwa, accounts, Buckets(), http, Endpoints(overrides={"na": "http://127.0.0.1:1"}))
    with pytest.raises(Unreachable, match=r"orders\.2026-01-01\.getOrder: ConnectError") as caught:
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    assert caught.value.__cause__ is None


async def test_no_secret_reaches_logs_errors_or_what_can_be_printed(
    client: SpapiClient, lwa: LwaClient, amazon: Any, accounts: Accounts, caplog: pytest.LogCaptureFixture, store: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    amazon.lwa_answers = [(400, {"error": "invalid_grant", "error_description": "refresh-two"}, {})]
    with pytest.raises(LwaError) as refused:
        await client.call("orders.getOrder", account="A2SELLER", orderId="1")
    amazon.answer = lambda _request, _body: (400, error("InvalidInput"), {})
    with pytest.raises(SpapiError) as caught:
        await client.call("orders.getOrder", account="A1SELLER", orderId="1")
    said += [repr(refused.value), str(caught.value), repr(vars(caught.value)), caplog.text]
    said += [repr(await accounts.every()), repr(store.entries), repr(vars(lwa)["_tokens"])]
    text = "\n".join(said)
    for secret in ("client-secret-value", "refresh-one", "refresh-two", "Atza|"):
        assert secret not in text
