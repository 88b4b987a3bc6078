"""Notifications v1: destinations of the application, subscriptions of its sellers."""

import uuid
from typing import Any

from receiver.simulators.spapi.ask import Answer, Ask, Rejected, invalid, not_found
from receiver.simulators.spapi.shop import Shop


def create_destination(ask: Ask) -> Answer:
    """`createDestination`: one for each resource."""
    body = ask.body if isinstance(ask.body, dict) else {}
    wanted, name = body.get("resourceSpecification"), body.get("name")
    if not isinstance(name, str) or not isinstance(wanted, dict) or not ({"sqs", "eventBridge"} & wanted.keys()):
        raise invalid("name and a resourceSpecification with sqs or eventBridge are required")
    resource = {kind: value for kind, value in wanted.items() if kind in {"sqs", "eventBridge"} and value}
    if any(known["resource"] == resource or known["name"] == name for known in ask.world.destinations.values()):
        raise Rejected(409, "Conflict", "A destination of that name or resource exists")
    destination_id = str(uuid.uuid4())
    made = {"destinationId": destination_id, "name": name, "resource": resource}
    ask.world.destinations[destination_id] = made
    return Answer({"payload": made})


def get_destinations(ask: Ask) -> Answer:
    """`getDestinations`."""
    return Answer({"payload": list(ask.world.destinations.values())})


def get_destination(ask: Ask) -> Answer:
    """`getDestination`."""
    return Answer({"payload": _destination(ask)})


def delete_destination(ask: Ask) -> Answer:
    """`deleteDestination`: not while a subscription uses it."""
    destination_id = _destination(ask)["destinationId"]
    used = [item for shop in ask.world.shops.values() for item in shop.subscriptions.values()]
    if any(item["destinationId"] == destination_id for item in used):
        raise Rejected(409, "Conflict", "The destination has subscriptions")
    del ask.world.destinations[destination_id]
    return Answer({})


def create_subscription(ask: Ask) -> Answer:
    """`createSubscription`: one for each type of a seller."""
    body, kind = ask.body if isinstance(ask.body, dict) else {}, ask.one("notificationType")
    if not body.get("payloadVersion") or body.get("destinationId") not in ask.world.destinations:
        raise invalid("payloadVersion and the destinationId of a destination are required")
    if kind in ask.seller.subscriptions:
        raise Rejected(409, "Conflict", f"A subscription of {kind} exists")
    made = {"subscriptionId": str(uuid.uuid4())} | {
        name: body[name] for name in ("payloadVersion", "destinationId", "processingDirective") if name in body
    }
    ask.seller.subscriptions[kind] = made
    return Answer({"payload": made})


def get_subscription(ask: Ask) -> Answer:
    """`getSubscription`."""
    kind = ask.one("notificationType")
    if kind not in ask.seller.subscriptions:
        raise not_found(kind)
    return Answer({"payload": ask.seller.subscriptions[kind]})


def get_subscription_by_id(ask: Ask) -> Answer:
    """`getSubscriptionById`, which is grantless."""
    return Answer({"payload": _subscription(ask)[1]})


def delete_subscription_by_id(ask: Ask) -> Answer:
    """`deleteSubscriptionById`, which is grantless."""
    shop, _subscribed = _subscription(ask)
    del shop.subscriptions[ask.one("notificationType")]
    return Answer({})


def send_test_notification(ask: Ask) -> Answer:
    """`sendTestNotification`: takes the request; nothing is sent."""
    body = ask.body if isinstance(ask.body, dict) else {}
    if body.get("destinationId") not in ask.world.destinations:
        raise invalid("the destinationId of a destination is required")
    return Answer({})


def _destination(ask: Ask) -> dict[str, Any]:
    destination_id = ask.one("destinationId")
    if destination_id not in ask.world.destinations:
        raise not_found(destination_id)
    return ask.world.destinations[destination_id]


def _subscription(ask: Ask) -> tuple[Shop, dict[str, Any]]:
    for shop in ask.world.shops.values():
        found = shop.subscriptions.get(ask.one("notificationType"))
        if found is not None and found["subscriptionId"] == ask.one("subscriptionId"):
            return shop, found
    raise not_found(ask.one("subscriptionId"))
