"""Who may call what: tokens, grants, personal data, usage plans, and the errors in Amazon's own form."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import httpx
import pytest

from handlers.spapi.call import Call
from handlers.spapi.errors import PlanExhausted, SpapiError

ORDER = "123-1234567-1234567"


async def ask(both: Any, path: str, token: str | None = None, method: str = "GET") -> httpx.Response:
    headers = {"x-amz-access-token": token} if token else {}
    async with httpx.AsyncClient() as http:
        return await http.request(method, both.simulated.url + path, headers=headers)


async def grant(both: Any, **form: str) -> httpx.Response:
    settings = both.simulated.settings
    client = {"client_id": settings.client_id, "client_secret": settings.client_secret}
    async with httpx.AsyncClient() as http:
        return await http.post(both.simulated.lwa_url, data=client | form)


async def test_grants_and_their_refusals(start: Any) -> None:
    both = await start()
    token = both.simulated.settings.refresh_token(1)
    given = (await grant(both, grant_type="refresh_token", refresh_token=token)).json()
    assert given["token_type"] == "bearer"
    assert given["expires_in"] == 3600
    for form, status, code in [
        ({"grant_type": "refresh_token", "refresh_token": "other"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": token, "client_secret": "no"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "scope": "profile"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "never"}, 400, "invalid_grant"),
    ]:
        refused = await grant(both, **form)
        assert (refused.status_code, refused.json()["error"]) == (status, code)


async def test_a_consent_brings_a_code_that_is_good_once_for_five_minutes(start: Any) -> None:
    both = await start(sellers=2)

    async def consent() -> httpx.URL:
        query = "state=s-1&redirect_uri=http://127.0.0.1:1/back%3Fa%3Db&selling_partner_id=A0002SIMULATED"
        answer = await ask(both, f"/apps/authorize/consent?{query}")
        assert answer.status_code == 302
        return httpx.URL(answer.headers["location"])

    back = await consent()
    assert (back.path, back.params["a"], back.params["state"]) == ("/back", "b", "s-1")
    assert back.params["selling_partner_id"] == "A0002SIMULATED"
    code = back.params["spapi_oauth_code"]
    given = await grant(both, grant_type="authorization_code", code=code)
    assert given.json()["refresh_token"] == both.simulated.settings.refresh_token(2)
    assert (await grant(both, grant_type="authorization_code", code=code)).status_code == 400
    late = (await consent()).params["spapi_oauth_code"]
    both.clock.now += 301
    assert (await grant(both, grant_type="authorization_code", code=late)).status_code == 400
    assert (await ask(both, "/apps/authorize/consent?state=s")).status_code == 400


@pytest.mark.parametrize(
    ("token", "details"),
    [
        (None, "Access token is missing in the request header."),
        ("Atza|made-up", "The access token you provided is revoked, malformed or invalid."),
    ],
)
async def test_a_call_without_a_good_token(start: Any, token: str | None, details: str) -> None:
    answer = await ask(await start(), f"/orders/v0/orders/{ORDER}", token)
    assert answer.status_code == 403
    error = {"code": "Unauthorized", "message": "Access to requested resource is denied.", "details": details}
    assert answer.json() == {"errors": [error]}
    assert answer.headers["x-amzn-requestid"]


async def test_an_ended_token_says_so_and_the_client_renews_it(start: Any) -> None:
    both = await start()
    await both.call("orders.getOrder", orderId=ORDER)
    both.simulated.amazon.tokens.revoke_all()
    await both.call("orders.getOrder", orderId=ORDER)
    assert both.simulated.grants == {("refresh_token", 200): 2}
    assert both.simulated.amazon.statistics.of_status(403) == 1


async def test_grantless_and_seller_tokens_do_not_stand_for_each_other(start: Any) -> None:
    both = await start()
    seller = (
        await grant(both, grant_type="refresh_token", refresh_token=both.simulated.settings.refresh_token(1))
    ).json()
    scope = "sellingpartnerapi::notifications"
    own = (await grant(both, grant_type="client_credentials", scope=scope)).json()
    assert (await ask(both, "/notifications/v1/destinations", seller["access_token"])).status_code == 403
    assert (await ask(both, f"/orders/v0/orders/{ORDER}", own["access_token"])).status_code == 403
    assert (await ask(both, "/notifications/v1/destinations", own["access_token"])).status_code == 200


async def test_buyers_data_comes_with_a_restricted_data_token_only(start: Any) -> None:
    both = await start()
    plain = await both.call("orders.v0.getOrder", orderId=ORDER)
    assert {"BuyerInfo", "ShippingAddress"}.isdisjoint(plain["payload"])
    opened = await both.call("orders.v0.getOrder", orderId=ORDER, restricted=["buyerInfo"])
    assert "BuyerInfo" in opened["payload"]
    assert "ShippingAddress" not in opened["payload"]
    with pytest.raises(SpapiError, match="takes a restricted data token"):
        await both.call("orders.v0.getOrderAddress", orderId=ORDER)
    assert "ShippingAddress" in (await both.call("orders.v0.getOrderAddress", orderId=ORDER, restricted=[]))["payload"]


async def test_a_restricted_token_opens_its_own_path_only(start: Any) -> None:
    both = await start()
    body = {"restrictedResources": [{"method": "GET", "path": f"/orders/v0/orders/{ORDER}/address"}]}
    token = (await both.call("createRestrictedDataToken", body=body))["restrictedDataToken"]
    assert (await ask(both, f"/orders/v0/orders/{ORDER}/address", token)).status_code == 200
    assert (await ask(both, "/orders/v0/orders/999-1234567-1234567/address", token)).status_code == 403
    assert (await ask(both, f"/orders/v0/orders/{ORDER}/addressbook", token)).status_code == 404
    with pytest.raises(SpapiError, match="1 to 50 resources"):
        await both.call("createRestrictedDataToken", body={"restrictedResources": []})


async def test_usage_plans_are_enforced_and_named(start: Any) -> None:
    both = await start(sellers=2)
    token = await both.client._lwa.access_token(await both.client.accounts.choose("A0001SIMULATED"))
    answers = [await ask(both, "/sellers/v1/marketplaceParticipations", token) for _ in range(16)]
    assert [answer.status_code for answer in answers] == [200] * 15 + [429]
    assert answers[0].headers["x-amzn-ratelimit-limit"] == "0.016"
    assert answers[-1].json()["errors"][0]["code"] == "QuotaExceeded"
    both.clock.now += 1 / 0.016
    assert (await ask(both, "/sellers/v1/marketplaceParticipations", token)).status_code == 200
    other = await both.client._lwa.access_token(await both.client.accounts.choose("A0002SIMULATED"))
    assert (await ask(both, "/sellers/v1/marketplaceParticipations", other)).status_code == 200


async def test_plans_can_be_switched_off(start: Any) -> None:
    both = await start(plans=False)
    token = await both.client._lwa.access_token(await both.client.accounts.choose())
    answers = [await ask(both, "/sellers/v1/marketplaceParticipations", token) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


async def test_the_client_keeps_to_the_plan_of_every_account(start: Any) -> None:
    both = await start(sellers=20, plan_factor=1.0)
    operation = both.client.find("fba-inventory.v1.getInventorySummaries")
    arguments = {"granularityType": "Marketplace", "granularityId": "ATVPDKIKX0DER", "marketplaceIds": "ATVPDKIKX0DER"}
    calls = [
        Call(operation, arguments, account=both.simulated.settings.seller_id(number), ticket=(number, turn), patience=0)
        for turn in range(4)
        for number in range(1, 21)
    ]
    answers = await asyncio.gather(*(both.client.send(call) for call in calls), return_exceptions=True)
    assert both.simulated.amazon.statistics.of_status(429) == 0
    assert sum(isinstance(answer, PlanExhausted) for answer in answers) == 60
    assert both.simulated.amazon.statistics.of_status(200) == 20


async def test_what_no_operation_has(start: Any) -> None:
    both = await start()
    for method, path in [("GET", "/orders/v9/orders"), ("PATCH", "/orders/v0/orders"), ("GET", "/")]:
        answer = await ask(both, path, method=method)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "NotFound")


async def test_every_operation_of_the_catalogue_is_reached(start: Any) -> None:
    both = await start(plans=False)
    for operation in both.client.catalogue:
        arguments = {item.name: "v" for item in operation.parameters if item.required}
        account = both.simulated.settings.seller_id(1)
        call = Call(operation, arguments, {} if operation.takes_body else None, account=account)
        with suppress(SpapiError):
            await both.client.send(call)
    seen = both.simulated.amazon.statistics.calls
    assert {name for name, _status in seen} == {operation.full_name for operation in both.client.catalogue}
    assert {status for _name, status in seen} <= {200, 201, 202, 204, 400, 403, 404}


@pytest.mark.slow
async def test_many_accounts_with_a_backlog_are_never_refused(start: Any) -> None:
    """The rate of each answer is followed: five times the published one, on a real clock."""
    both = await start(sellers=20, plan_factor=5.0)
    both.simulated.amazon._clock = time.time
    operation = both.client.find("fba-inventory.v1.getInventorySummaries")
    arguments = {"granularityType": "Marketplace", "granularityId": "ATVPDKIKX0DER", "marketplaceIds": "ATVPDKIKX0DER"}
    sellers = [both.simulated.settings.seller_id(number) for number in range(1, 21)]
    work = [both.client.send(Call(operation, arguments, account=seller)) for _ in range(20) for seller in sellers]
    answers = await asyncio.gather(*work)
    assert [answer.status for answer in answers] == [200] * 400
    assert both.simulated.amazon.statistics.of_status(429) == 0
    assert both.simulated.grants == {("refresh_token", 200): 20}
