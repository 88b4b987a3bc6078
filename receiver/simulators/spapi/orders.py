"""Orders, as the Orders API v0 and v2026-01-01 show them. They follow from their id, so none need be stored."""

import re
import zlib
from datetime import UTC, datetime
from typing import Any

from receiver.simulators.spapi.ask import Answer, Ask, invalid, not_found
from receiver.simulators.spapi.paging import page
from receiver.simulators.spapi.shop import Shop

_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_ITEMS_PAGE = 50
_STATUSES = ("Unshipped", "Unshipped", "PartiallyShipped", "Shipped")
_STATUS_2026 = {"Unshipped": "UNSHIPPED", "PartiallyShipped": "PARTIALLY_SHIPPED", "Shipped": "SHIPPED"}
_PACKAGE = ("packageReferenceId", "carrierCode", "trackingNumber", "shipDate", "orderItems")


def get_orders_v0(ask: Ask) -> Answer:
    """`getOrders`: newest last, filtered by time, status and id."""
    if not any(ask.one(name) for name in ("CreatedAfter", "LastUpdatedAfter", "NextToken", "AmazonOrderIds")):
        raise invalid("CreatedAfter or LastUpdatedAfter must be specified")
    ids = ask.several("AmazonOrderIds") or _since(ask, ask.one("CreatedAfter") or ask.one("LastUpdatedAfter"))
    statuses = ask.several("OrderStatuses")
    kept = [order for order in ids if not statuses or _status(ask.seller, order) in statuses]
    size = ask.number("MaxResultsPerPage", 100, 100)
    shown, token = page(ask, kept, size, ask.one("NextToken"))
    payload: dict[str, Any] = {"Orders": [_order_v0(ask, order) for order in shown]}
    return Answer({"payload": payload | ({"NextToken": token} if token else {})})


def get_order_v0(ask: Ask) -> Answer:
    """`getOrder`."""
    return Answer({"payload": _order_v0(ask, _known(ask))})


def get_order_items_v0(ask: Ask) -> Answer:
    """`getOrderItems`, in pages of 50."""
    order = _known(ask)
    shown, token = page(ask, range(_count(order)), _ITEMS_PAGE, ask.one("NextToken"))
    payload: dict[str, Any] = {
        "AmazonOrderId": order,
        "OrderItems": [_item_v0(ask.seller, order, number) for number in shown],
    }
    return Answer({"payload": payload | ({"NextToken": token} if token else {})})


def get_order_address_v0(ask: Ask) -> Answer:
    """`getOrderAddress`."""
    order = _known(ask)
    return Answer({"payload": {"AmazonOrderId": order, "ShippingAddress": _address_v0(ask.seller)}})


def get_order_buyer_v0(ask: Ask) -> Answer:
    """`getOrderBuyerInfo`."""
    order = _known(ask)
    return Answer({"payload": {"AmazonOrderId": order} | _buyer_v0(order)})


def confirm_shipment_v0(ask: Ask) -> Answer:
    """`confirmShipment`: the order is shipped from then on; the same packageReferenceId again changes the package."""
    order = _known(ask)
    package = _package(ask.body)
    known = {_item_v0(ask.seller, order, number)["OrderItemId"] for number in range(_count(order))}
    if strange := [item for item in package["orderItems"] if not _is_of(item, known)]:
        raise invalid(f"Not an item of the order with a quantity: {strange[0]}")
    ask.seller.shipped.setdefault(order, {})[package["packageReferenceId"]] = ask.body
    return Answer(status=204)


def search_orders(ask: Ask) -> Answer:
    """`searchOrders` of v2026-01-01."""
    created, updated = ask.one("createdAfter"), ask.one("lastUpdatedAfter")
    if bool(created) == bool(updated) and not ask.one("paginationToken"):
        raise invalid("Exactly one of createdAfter and lastUpdatedAfter must be specified")
    statuses = ask.several("fulfillmentStatuses")
    ids = [
        order
        for order in _since(ask, created or updated)
        if not statuses or _STATUS_2026[_status(ask.seller, order)] in statuses
    ]
    shown, token = page(ask, ids, ask.number("maxResultsPerPage", 100, 100), ask.one("paginationToken"))
    answer: dict[str, Any] = {"orders": [_order(ask, order) for order in shown]}
    return Answer(answer | ({"pagination": {"nextToken": token}} if token else {}))


def get_order(ask: Ask) -> Answer:
    """`getOrder` of v2026-01-01."""
    return Answer({"order": _order(ask, _known(ask))})


def _known(ask: Ask) -> str:
    order = ask.one("orderId")
    if not _ID.fullmatch(order):
        raise invalid("The orderId is not of the form 123-1234567-1234567")
    if order.endswith("-0000000"):
        raise not_found(order)
    return order


def _package(body: Any) -> dict[str, Any]:
    package = body.get("packageDetail") if isinstance(body, dict) else None
    if not isinstance(package, dict) or not body.get("marketplaceId"):
        raise invalid("packageDetail and marketplaceId are required")
    if missing := [name for name in _PACKAGE if not package.get(name)]:
        raise invalid(f"packageDetail lacks {', '.join(missing)}")
    if not str(package["packageReferenceId"]).isdigit() or not isinstance(package["orderItems"], list):
        raise invalid("packageReferenceId must be a positive number, orderItems a list")
    return package


def _is_of(item: Any, known: set[str]) -> bool:
    return isinstance(item, dict) and item.get("orderItemId") in known and isinstance(item.get("quantity"), int)


def _since(ask: Ask, moment: str) -> list[str]:
    """The ids of the shop's orders from a moment on; all of them where none is given."""
    shop = ask.seller
    try:
        start = datetime.fromisoformat(moment).timestamp() if moment else 0.0
    except ValueError:
        raise invalid(f"{moment} is not a time in ISO 8601") from None
    return [_listed(shop, number) for number in range(1, shop.order_count + 1) if _created(shop, number) >= start]


def _listed(shop: Shop, number: int) -> str:
    return f"113-{shop.digits}-{number:07d}"


def _created(shop: Shop, number: int) -> float:
    """One order a minute, the last one when the shop was opened."""
    return shop.opened - 60.0 * (shop.order_count - number)


def _time(shop: Shop, order: str) -> str:
    listed = order.startswith(f"113-{shop.digits}-")
    moment = _created(shop, int(order[-7:])) if listed else shop.opened
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(order: str) -> int:
    return zlib.crc32(order.encode())


def _status(shop: Shop, order: str) -> str:
    return "Shipped" if order in shop.shipped else _STATUSES[_digest(order) % len(_STATUSES)]


def _count(order: str) -> int:
    """One to three items; one order in fifty has more than a page of them."""
    return 75 if _digest(order) % 50 == 0 else 1 + _digest(order) % 3


def _money(shop: Shop, amount: float) -> dict[str, str]:
    return {"CurrencyCode": shop.currency, "Amount": f"{amount:.2f}"}


def _order_v0(ask: Ask, order: str) -> dict[str, Any]:
    shop, status, count = ask.seller, _status(ask.seller, order), _count(order)
    shipped = {"Shipped": count, "PartiallyShipped": 1, "Unshipped": 0}[status]
    answer: dict[str, Any] = {
        "AmazonOrderId": order,
        "PurchaseDate": _time(shop, order),
        "LastUpdateDate": _time(shop, order),
        "OrderStatus": status,
        "FulfillmentChannel": "MFN",
        "NumberOfItemsShipped": shipped,
        "NumberOfItemsUnshipped": count - shipped,
        "OrderTotal": _money(shop, 10.0 * count),
        "MarketplaceId": shop.marketplace_id,
        "OrderType": "StandardOrder",
        "IsPrime": False,
        "IsBusinessOrder": False,
    }
    if "buyerInfo" in ask.elements:
        answer["BuyerInfo"] = _buyer_v0(order)
    if "shippingAddress" in ask.elements:
        answer["ShippingAddress"] = _address_v0(shop)
    return answer


def _buyer_v0(order: str) -> dict[str, str]:
    return {"BuyerEmail": f"{_digest(order):x}@marketplace.example.com", "BuyerName": f"Buyer {order[-7:]}"}


def _address_v0(shop: Shop) -> dict[str, str]:
    country = {"na": "US", "eu": "DE", "fe": "JP"}[shop.region]
    return {"Name": "Recipient", "AddressLine1": "1 Example Street", "City": "Example", "CountryCode": country}


def _item_v0(shop: Shop, order: str, number: int) -> dict[str, Any]:
    product = 1 + (_digest(order) + number) % max(1, len(shop.listings))
    return {
        "ASIN": f"B0{product:08d}",
        "SellerSKU": f"SKU-{product:04d}",
        "OrderItemId": f"{_digest(order):010d}{number:04d}",
        "Title": f"Product {product}",
        "QuantityOrdered": 1,
        "QuantityShipped": 1 if _status(shop, order) == "Shipped" else 0,
        "ItemPrice": _money(shop, 10.0),
    }


def _order(ask: Ask, order: str) -> dict[str, Any]:
    shop, wanted = ask.seller, set(ask.several("includedData"))
    answer: dict[str, Any] = {
        "orderId": order,
        "createdTime": _time(shop, order),
        "lastUpdatedTime": _time(shop, order),
        "programs": [],
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": shop.marketplace_id},
        "orderItems": [_item(shop, order, number) for number in range(_count(order))],
    }
    if "BUYER" in wanted:
        buyer = _buyer_v0(order)
        answer["buyer"] = {"buyerName": buyer["BuyerName"], "buyerEmail": buyer["BuyerEmail"]}
    if "RECIPIENT" in wanted:
        address = {name[0].lower() + name[1:]: value for name, value in _address_v0(shop).items()}
        answer["recipient"] = {"deliveryAddress": address}
    if "FULFILLMENT" in wanted:
        status = _STATUS_2026[_status(shop, order)]
        answer["fulfillment"] = {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"}
    if "PROCEEDS" in wanted:
        total = {"amount": f"{10.0 * _count(order):.2f}", "currencyCode": shop.currency}
        answer["proceeds"] = {"grandTotal": total}
    return answer


def _item(shop: Shop, order: str, number: int) -> dict[str, Any]:
    item = _item_v0(shop, order, number)
    return {
        "orderItemId": item["OrderItemId"],
        "quantityOrdered": 1,
        "product": {
            "asin": item["ASIN"],
            "title": item["Title"],
            "sellerSku": item["SellerSKU"],
            "price": {"unitPrice": {"amount": "10.00", "currencyCode": shop.currency}},
        },
    }
