"""Fulfillment Inbound v2024-03-20 as far as plans go: made, looked at, cancelled.

Source: the model of that API (CreateInboundPlanRequest, ItemInput and AddressInput with their bounds).
"""

from datetime import UTC, datetime
from typing import Any

from receiver.simulators.spapi.ask import Answer, Ask, invalid, not_found
from receiver.simulators.spapi.paging import page

_ADDRESS = ("name", "addressLine1", "city", "countryCode", "phoneNumber", "postalCode")
_OWNERS = frozenset({"AMAZON", "SELLER", "NONE"})
_MOST_ITEMS = 2000
_MOST_UNITS = 500_000


def create_inbound_plan(ask: Ask) -> Answer:
    """`createInboundPlan`: the plan is there at once, its operation has succeeded."""
    body = _checked(ask)
    plan_id = f"wf{ask.world.number():0>36}"
    moment = datetime.fromtimestamp(ask.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ask.seller.inbound_plans[plan_id] = {
        "inboundPlanId": plan_id,
        "name": body.get("name", f"Plan {len(ask.seller.inbound_plans) + 1}"),
        "status": "ACTIVE",
        "createdAt": moment,
        "lastUpdatedAt": moment,
        "marketplaceIds": body["destinationMarketplaces"],
        "sourceAddress": body["sourceAddress"],
        "items": body["items"],
    }
    return Answer({"inboundPlanId": plan_id, "operationId": _operation(ask)}, 202)


def get_inbound_plan(ask: Ask) -> Answer:
    """`getInboundPlan`."""
    return Answer(_without_items(_known(ask)))


def list_inbound_plans(ask: Ask) -> Answer:
    """`listInboundPlans`, the newest first."""
    status = ask.one("status")
    kept = [plan for plan in reversed(ask.seller.inbound_plans.values()) if status in {"", plan["status"]}]
    shown, token = page(ask, kept, ask.number("pageSize", 10, 30), ask.one("paginationToken"))
    answer: dict[str, Any] = {"inboundPlans": [_without_items(plan) for plan in shown]}
    return Answer(answer | ({"pagination": {"nextToken": token}} if token else {}))


def list_inbound_plan_items(ask: Ask) -> Answer:
    """`listInboundPlanItems`."""
    items = _known(ask)["items"]
    shown, token = page(ask, items, ask.number("pageSize", 10, 1000), ask.one("paginationToken"))
    return Answer({"items": list(shown)} | ({"pagination": {"nextToken": token}} if token else {}))


def cancel_inbound_plan(ask: Ask) -> Answer:
    """`cancelInboundPlan`: once."""
    plan = _known(ask)
    if plan["status"] != "ACTIVE":
        raise invalid("The inbound plan is not active")
    plan["status"] = "VOIDED"
    return Answer({"operationId": _operation(ask)}, 202)


def get_operation_status(ask: Ask) -> Answer:
    """`getInboundOperationStatus`: every operation has succeeded."""
    answer = {"operationId": ask.one("operationId"), "operationStatus": "SUCCESS", "operationProblems": []}
    return Answer({"operation": "createInboundPlan"} | answer)


def _operation(ask: Ask) -> str:
    return f"{ask.world.number():0>36}"


def _known(ask: Ask) -> dict[str, Any]:
    plan_id = ask.one("inboundPlanId")
    if plan_id not in ask.seller.inbound_plans:
        raise not_found(plan_id)
    return ask.seller.inbound_plans[plan_id]


def _without_items(plan: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plan.items() if name != "items"}


def _checked(ask: Ask) -> dict[str, Any]:
    body: dict[str, Any] = ask.body if isinstance(ask.body, dict) else {}
    marketplaces, items = body.get("destinationMarketplaces"), body.get("items")
    if not isinstance(marketplaces, list) or len(marketplaces) != 1:
        raise invalid("destinationMarketplaces must name one marketplace")
    address = body.get("sourceAddress")
    missing = [name for name in _ADDRESS if not (isinstance(address, dict) and address.get(name))]
    if missing:
        raise invalid(f"sourceAddress lacks {', '.join(missing)}")
    if not isinstance(items, list) or not 1 <= len(items) <= _MOST_ITEMS:
        raise invalid(f"items must hold 1 to {_MOST_ITEMS} items")
    for item in items:
        _check_item(ask, item)
    return body


def _check_item(ask: Ask, item: Any) -> None:
    if not isinstance(item, dict) or item.get("msku") not in ask.seller.listings:
        raise invalid("Each item needs the msku of a listing")
    if not (item.get("labelOwner") in _OWNERS and item.get("prepOwner") in _OWNERS):
        raise invalid(f"{item['msku']}: labelOwner and prepOwner must be one of AMAZON, SELLER, NONE")
    quantity = item.get("quantity")
    if not isinstance(quantity, int) or not 1 <= quantity <= _MOST_UNITS:
        raise invalid(f"{item['msku']}: quantity must be 1 to {_MOST_UNITS}")
