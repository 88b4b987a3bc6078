"""Inbound plans of the stand-in: what is taken, and what is made of it."""

from typing import Any

import pytest

from handlers.spapi.errors import SpapiError

US = "ATVPDKIKX0DER"
ADDRESS = {
    "name": "Example",
    "addressLine1": "1 Example Street",
    "city": "Example",
    "countryCode": "US",
    "phoneNumber": "+1 555 0100",
    "postalCode": "48110",
}
ITEM = {"msku": "SKU-0007", "labelOwner": "SELLER", "prepOwner": "NONE", "quantity": 12}
PLAN = {"destinationMarketplaces": [US], "sourceAddress": ADDRESS, "items": [ITEM]}


async def test_a_plan_is_made_looked_at_and_cancelled_once(start: Any) -> None:
    both = await start()
    made = [await both.call("createInboundPlan", body=PLAN | {"name": name}) for name in ("one", "two")]
    assert all(len(plan["inboundPlanId"]) == len(plan["operationId"]) + 2 == 38 for plan in made)
    first, second = (plan["inboundPlanId"] for plan in made)
    status = await both.call("getInboundOperationStatus", operationId=made[0]["operationId"])
    assert status["operationStatus"] == "SUCCESS"
    plan = await both.call("getInboundPlan", inboundPlanId=first)
    assert (plan["name"], plan["status"], plan["marketplaceIds"]) == ("one", "ACTIVE", [US])
    assert (await both.call("listInboundPlanItems", inboundPlanId=first))["items"] == [ITEM]
    await both.call("cancelInboundPlan", inboundPlanId=first)
    with pytest.raises(SpapiError, match="not active"):
        await both.call("cancelInboundPlan", inboundPlanId=first)
    listed = [
        [plan["inboundPlanId"] for plan in (await both.call("listInboundPlans", **filters))["inboundPlans"]]
        for filters in ({}, {"status": "ACTIVE"}, {"status": "VOIDED"})
    ]
    assert listed == [[second, first], [second], [first]]
    page = await both.call("listInboundPlans", pageSize=1)
    rest = await both.call("listInboundPlans", pageSize=1, paginationToken=page["pagination"]["nextToken"])
    assert rest["inboundPlans"][0]["inboundPlanId"] == first
    assert "pagination" not in rest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"destinationMarketplaces": [US, US]}, "must name one marketplace"),
        ({"sourceAddress": {"name": "Example"}}, "lacks addressLine1, city, countryCode, phoneNumber, postalCode"),
        ({"sourceAddress": None}, "lacks name"),
        ({"items": []}, "1 to 2000 items"),
        ({"items": [ITEM | {"msku": "SKU-NONE"}]}, "the msku of a listing"),
        ({"items": [ITEM | {"prepOwner": "ME"}]}, "one of AMAZON, SELLER, NONE"),
        ({"items": [ITEM | {"quantity": 0}]}, "quantity must be 1 to 500000"),
    ],
)
async def test_plans_that_are_refused(start: Any, change: dict[str, Any], said: str) -> None:
    both = await start()
    with pytest.raises(SpapiError, match=f"400: InvalidInput: .*{said}"):
        await both.call("createInboundPlan", body=PLAN | change)


async def test_a_plan_of_somebody_else_is_not_found(start: Any) -> None:
    both = await start(sellers=2)
    plan = await both.call("createInboundPlan", body=PLAN)
    with pytest.raises(SpapiError, match="404: NotFound"):
        await both.call("getInboundPlan", seller=2, inboundPlanId=plan["inboundPlanId"])
