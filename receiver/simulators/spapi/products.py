"""Listings and the inventory behind them: Listings Items v2021-08-01, FBA Inventory v1, Catalog Items."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from receiver.simulators.spapi import patches
from receiver.simulators.spapi.ask import Answer, Ask, invalid, not_found
from receiver.simulators.spapi.paging import page
from receiver.simulators.spapi.shop import Listing

_INVENTORY_PAGE = 50


def get_listing(ask: Ask) -> Answer:
    """`getListingsItem`."""
    return Answer(_listing(ask, _known(ask)))


def search_listings(ask: Ask) -> Answer:
    """`searchListingsItems`."""
    skus = ask.several("identifiers")
    found = [item for item in ask.seller.listings.values() if not skus or item.sku in skus]
    shown, token = page(ask, found, ask.number("pageSize", 10, 20), ask.one("pageToken"))
    answer: dict[str, Any] = {"numberOfResults": len(found), "items": [_listing(ask, item) for item in shown]}
    return Answer(answer | ({"pagination": {"nextToken": token}} if token else {}))


def put_listing(ask: Ask) -> Answer:
    """`putListingsItem`: makes a listing or replaces it."""
    body = _body(ask)
    sku, old = ask.one("sku"), ask.seller.listings.get(ask.one("sku"))
    asin = old.asin if old else f"B0{secrets.token_hex(4).upper()}"
    attributes = dict(body.get("attributes", {}))
    ask.seller.listings[sku] = Listing(sku, asin, body["productType"], attributes, old.quantity if old else 0, ask.now)
    return _submitted(sku)


def patch_listing(ask: Ask) -> Answer:
    """`patchListingsItem`: `add`, `replace` and `delete` of attributes, in the marketplace that is named."""
    body, listing = _body(ask), _known(ask)
    issues = patches.apply(listing, body.get("patches"), ask.one("marketplaceIds"), ask.now)
    return _submitted(listing.sku, issues)


def delete_listing(ask: Ask) -> Answer:
    """`deleteListingsItem`."""
    listing = _known(ask)
    del ask.seller.listings[listing.sku]
    return _submitted(listing.sku)


def get_inventory(ask: Ask) -> Answer:
    """`getInventorySummaries`: of one marketplace, the only granularity there is."""
    if ask.one("granularityType") != "Marketplace" or ask.one("granularityId") not in ask.several("marketplaceIds"):
        raise invalid("granularityType must be Marketplace, and granularityId the one of marketplaceIds")
    wanted = ask.several("sellerSkus") or ask.several("sellerSku")
    found = [item for item in ask.seller.listings.values() if not wanted or item.sku in wanted]
    shown, token = page(ask, found, _INVENTORY_PAGE, ask.one("nextToken"))
    granularity = {"granularityType": ask.one("granularityType"), "granularityId": ask.one("granularityId")}
    payload = {"granularity": granularity, "inventorySummaries": [_summary(ask, item) for item in shown]}
    return Answer({"payload": payload} | ({"pagination": {"nextToken": token}} if token else {}))


def get_catalog_item(ask: Ask) -> Answer:
    """`getCatalogItem`."""
    asin = ask.one("asin")
    for listing in ask.seller.listings.values():
        if listing.asin == asin:
            summary = {"marketplaceId": ask.seller.marketplace_id, "itemName": _name(listing)}
            return Answer({"asin": asin, "summaries": [summary]})
    raise not_found(asin)


def _known(ask: Ask) -> Listing:
    sku = ask.one("sku")
    if ask.one("sellerId") != ask.seller.seller_id:
        raise invalid("The sellerId is not that of the access token")
    if sku not in ask.seller.listings:
        raise not_found(sku)
    return ask.seller.listings[sku]


def _body(ask: Ask) -> dict[str, Any]:
    if not isinstance(ask.body, dict) or not isinstance(ask.body.get("productType"), str):
        raise invalid("productType is required")
    return ask.body


def _submitted(sku: str, issues: Sequence[dict[str, Any]] = ()) -> Answer:
    """What is refused is answered with 200 as well."""
    status = "INVALID" if issues else "ACCEPTED"
    return Answer({"sku": sku, "status": status, "submissionId": secrets.token_hex(16), "issues": list(issues)})


def _name(listing: Listing) -> str:
    names = listing.attributes.get("item_name")
    return str(names[0].get("value", "")) if isinstance(names, list) and names and isinstance(names[0], dict) else ""


def _listing(ask: Ask, listing: Listing) -> dict[str, Any]:
    wanted = set(ask.several("includedData") or ["summaries"])
    moment = datetime.fromtimestamp(listing.updated, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    quantity = listing.quantity_in(ask.one("marketplaceIds"))
    answer: dict[str, Any] = {"sku": listing.sku}
    if "summaries" in wanted:
        summary = {"marketplaceId": ask.seller.marketplace_id, "asin": listing.asin, "itemName": _name(listing)}
        status = ["BUYABLE", "DISCOVERABLE"] if quantity else ["DISCOVERABLE"]
        details = {"productType": listing.product_type, "status": status, "lastUpdatedDate": moment}
        answer["summaries"] = [summary | details]
    if "attributes" in wanted:
        answer["attributes"] = listing.attributes
    if "issues" in wanted:
        answer["issues"] = []
    if "fulfillmentAvailability" in wanted:
        channel = {"fulfillmentChannelCode": "DEFAULT", "quantity": quantity}
        answer["fulfillmentAvailability"] = [channel]
    return answer


def _summary(ask: Ask, listing: Listing) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "asin": listing.asin,
        "fnSku": f"X{listing.asin[1:]}",
        "sellerSku": listing.sku,
        "condition": "NewItem",
        "productName": _name(listing),
        "totalQuantity": listing.quantity,
    }
    if ask.one("details") == "true":
        summary["inventoryDetails"] = {"fulfillableQuantity": listing.quantity}
    return summary
