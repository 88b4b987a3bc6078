"""Restricted data tokens: what they are asked for, and how long they are kept."""

import asyncio
from typing import Any

import orjson
import pytest

from handlers.spapi.call import Call
from handlers.spapi.client import SpapiClient
from handlers.spapi.errors import CatalogueError, SpapiFault

PATH = "/tokens/2021-03-01/restrictedDataToken"


class Tokens:
    """Plays createRestrictedDataToken; restricted calls must carry one of its tokens."""

    def __init__(self, amazon: Any) -> None:
        self.amazon = amazon
        self.asked: list[Any] = []
        self.valid: set[str] = set()
        amazon.answer = self.answer

    def answer(self, request: Any, body: bytes) -> Any:
        if request.path != PATH:
            valid = request.headers["x-amz-access-token"] in self.valid
            return (200, {"payload": {}}, {}) if valid else None
        if request.headers["x-amz-access-token"] not in self.amazon.tokens:
            return None
        self.asked.append(orjson.loads(body)["restrictedResources"])
        token = f"Atz.sprdt|{len(self.asked)}"
        self.valid.add(token)
        return 200, {"restrictedDataToken": token, "expiresIn": 3600}, {}


async def test_one_token_serves_all_orders_of_an_account_for_its_life(
    client: SpapiClient, amazon: Any, clock: Any
) -> None:
    tokens = Tokens(amazon)
    wanted = ["shippingAddress", "buyerInfo"]
    for number in range(3):
        await client.call("orders.v0.getOrder", account="A1SELLER", restricted=wanted, orderId=f"o-{number}")
    resource = {
        "method": "GET",
        "path": "/orders/v0/orders/{orderId}",
        "dataElements": ["buyerInfo", "shippingAddress"],
    }
    assert tokens.asked == [[resource]]
    clock.now += 3301
    await client.call("orders.v0.getOrder", account="A1SELLER", restricted=wanted, orderId="o-9")
    assert len(tokens.asked) == 2


async def test_accounts_paths_and_elements_have_their_own_tokens(client: SpapiClient, amazon: Any) -> None:
    tokens = Tokens(amazon)
    for account in ("A1SELLER", "A2SELLER"):
        await client.call("orders.v0.getOrder", account=account, restricted=["buyerInfo"], orderId="1")
        await client.call("orders.v0.getOrder", account=account, restricted=["shippingAddress"], orderId="1")
        await client.call("orders.v0.getOrderAddress", account=account, restricted=[], orderId="1")
    assert len(tokens.asked) == 6
    assert tokens.asked[2] == [{"method": "GET", "path": "/orders/v0/orders/{orderId}/address"}]


async def test_a_report_document_has_a_token_of_its_very_path(client: SpapiClient, amazon: Any) -> None:
    tokens = Tokens(amazon)
    for document in ("d-1", "d-2", "d-1"):
        await client.call("getReportDocument", account="A1SELLER", restricted=[], reportDocumentId=document)
    assert [asked[0]["path"] for asked in tokens.asked] == [
        "/reports/2021-06-30/documents/d-1",
        "/reports/2021-06-30/documents/d-2",
    ]


async def test_a_refused_restricted_token_is_asked_for_once_more(client: SpapiClient, amazon: Any) -> None:
    tokens = Tokens(amazon)
    operation = client.find("orders.v0.getOrderAddress")
    calls = [Call(operation, {"orderId": str(n)}, account="A1SELLER", restricted=[]) for n in range(10)]
    await asyncio.gather(*(client.send(call) for call in calls))
    tokens.valid.clear()
    await asyncio.gather(*(client.send(call) for call in calls))
    assert len(tokens.asked) == 2


async def test_elements_and_operations_that_make_no_sense(client: SpapiClient, amazon: Any) -> None:
    Tokens(amazon)
    with pytest.raises(CatalogueError, match="did you mean 'buyerInfo'"):
        await client.call("orders.v0.getOrder", account="A1SELLER", restricted=["buyerinfo"], orderId="1")
    with pytest.raises(CatalogueError, match="use buyerInfo, shippingAddress, buyerTaxInformation"):
        await client.call("orders.v0.getOrder", account="A1SELLER", restricted=["zzz"], orderId="1")
    with pytest.raises(CatalogueError, match='includedData = \\["BUYER", "RECIPIENT"\\]'):
        await client.call("orders.getOrder", account="A1SELLER", restricted=["buyerInfo"], orderId="1")
    assert amazon.calls == []


async def test_an_answer_without_a_restricted_token(client: SpapiClient, amazon: Any) -> None:
    amazon.answer = lambda _request, _body: (200, [], {})
    with pytest.raises(SpapiFault, match=r"no restricted data token came for GET /orders/v0/orders/\{orderId\}"):
        await client.call("orders.v0.getOrder", account="A1SELLER", restricted=["buyerInfo"], orderId="1")
