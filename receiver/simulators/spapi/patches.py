"""Patches of a listing, and what is wrong with those that Listings Items v2021-08-01 answers with 200 and INVALID."""

from collections.abc import Iterator
from typing import Any

from receiver.simulators.spapi.ask import invalid
from receiver.simulators.spapi.shop import Listing

_STOCK = "fulfillment_availability"
_OWN_CHANNEL = "DEFAULT"
_OPERATIONS = frozenset({"add", "replace", "delete"})


def apply(listing: Listing, patches: Any, marketplace_id: str, now: float) -> list[dict[str, Any]]:
    """Apply all patches in one marketplace, or none: the issues that kept them out. Raises Rejected for what is none.

    The quantity of the seller's own channel is kept for each marketplace; what Amazon stocks stays as it is.
    """
    if not isinstance(patches, list) or not patches:
        raise invalid("patches must be a list that is not empty")
    for patch in patches:
        _check_shape(patch)
    issues = list(_issues(listing, patches, marketplace_id))
    if not issues:
        for patch in patches:
            _apply(listing, patch, marketplace_id)
        listing.updated = now
    return issues


def _check_shape(patch: Any) -> None:
    path = patch.get("path") if isinstance(patch, dict) else None
    if not isinstance(path, str) or not path.startswith("/attributes/") or path.count("/") != 2:
        raise invalid("A patch needs a path like /attributes/NAME")
    if patch.get("op") not in _OPERATIONS:
        raise invalid("The op of a patch is add, replace or delete")
    if patch["op"] != "delete" and not isinstance(patch.get("value"), list):
        raise invalid("The value of a patch is a list")


def _issues(listing: Listing, patches: list[dict[str, Any]], marketplace_id: str) -> Iterator[dict[str, Any]]:
    if marketplace_id in listing.refusals:
        yield _issue(listing.refusals[marketplace_id], [])
    for patch in patches:
        if patch["path"].endswith(f"/{_STOCK}") and patch["op"] != "delete":
            for entry in patch["value"]:
                yield from _entry_issues(entry)


def _entry_issues(entry: Any) -> Iterator[dict[str, Any]]:
    fields = entry if isinstance(entry, dict) else {}
    quantity = fields.get("quantity", 0)
    if not isinstance(fields.get("fulfillment_channel_code"), str):
        yield _issue(f"fulfillment_channel_code of {_STOCK} is missing", [_STOCK])
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 0:
        yield _issue(f"quantity of {_STOCK} is not a whole number from 0", [_STOCK])


def _issue(message: str, attributes: list[str]) -> dict[str, Any]:
    kind = ["INVALID_ATTRIBUTE"] if attributes else []
    return {
        "code": "90000900",
        "message": message,
        "severity": "ERROR",
        "attributeNames": attributes,
        "categories": kind,
    }


def _apply(listing: Listing, patch: dict[str, Any], marketplace_id: str) -> None:
    name = patch["path"].removeprefix("/attributes/")
    if patch["op"] == "delete":
        listing.attributes.pop(name, None)
        return
    listing.attributes[name] = patch["value"]
    for entry in patch["value"] if name == _STOCK else ():
        if entry["fulfillment_channel_code"] == _OWN_CHANNEL:
            listing.quantities[marketplace_id] = entry.get("quantity", 0)
