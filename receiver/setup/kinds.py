"""SP-API's notification types: what carries each, its payload version, and the filters it takes.

Source: "Notification Type Values" of Amazon's SP-API guide and the model of the Notifications API v1. What is not in
the list can still be subscribed to, with its payload version given.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from receiver.setup.errors import SetupError

Carrier = Literal["event-bridge", "sqs"]

_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,99}")
_EVENT_BRIDGE = (
    "BRANDED_ITEM_CONTENT_CHANGE",
    "ITEM_PRODUCT_TYPE_CHANGE",
    "LISTINGS_ITEM_STATUS_CHANGE",
    "LISTINGS_ITEM_ISSUES_CHANGE",
    "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
    "PRODUCT_TYPE_DEFINITIONS_CHANGE",
)
_SQS = {
    "1.0": (
        "ACCOUNT_STATUS_CHANGED ANY_OFFER_CHANGED B2B_ANY_OFFER_CHANGED FBA_INVENTORY_AVAILABILITY_CHANGES "
        "FBA_OUTBOUND_SHIPMENT_STATUS FEE_PROMOTION FULFILLMENT_ORDER_STATUS ORDER_CHANGE ORDER_STATUS_CHANGE "
        "PRICING_HEALTH"
    ),
    "2020-09-04": (
        "DETAIL_PAGE_TRAFFIC_EVENT FEED_PROCESSING_FINISHED ITEM_INVENTORY_EVENT_CHANGE ITEM_SALES_EVENT_CHANGE "
        "REPORT_PROCESSING_FINISHED"
    ),
    "2023-11-15": "DATA_KIOSK_QUERY_PROCESSING_FINISHED",
    "2026-01-30": "SHIPMENT_TRACKING_MILESTONE_CHANGED",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A notification type. `carrier` is None where Amazon's list was not known to have the type."""

    name: str
    carrier: Carrier | None
    version: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        **{name: Kind(name, "event-bridge", "1.0") for name in _EVENT_BRIDGE},
        **{name: Kind(name, "sqs", version) for version, names in _SQS.items() for name in names.split()},
    }
)
"""The known types by name."""


def kind(name: str, version: str | None = None) -> Kind:
    """The type of a name, with another payload version where one is given. Raises SetupError."""
    known = KINDS.get(name)
    if known is not None:
        return Kind(name, known.carrier, version or known.version)
    if version is not None and _NAME.fullmatch(name):
        return Kind(name, None, version)
    close = difflib.get_close_matches(name.upper(), KINDS, n=1, cutoff=0.7)
    if close:
        raise SetupError(f"there is no notification type {name!r}: did you mean {close[0]}?")
    raise SetupError(
        f"notification type {name!r} is not known here: use one of {', '.join(sorted(KINDS))}, or give the payload "
        "version of a newer one with --payload-version"
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """What Amazon should leave out before it sends: the processing directive of a subscription."""

    marketplaces: tuple[str, ...] = ()
    """Marketplace ids."""
    order_changes: tuple[str, ...] = ()
    """`OrderStatusChange`, `BuyerRequestedChange`: for ORDER_CHANGE."""
    aggregation: str | None = None
    """`FiveMinutes` or `TenMinutes`: for ANY_OFFER_CHANGED."""

    def directive(self, name: str) -> dict[str, object] | None:
        """The `processingDirective` for a type, None where nothing is filtered. Raises SetupError."""
        given = {
            "--marketplace": (self.marketplaces, ("ANY_OFFER_CHANGED", "ORDER_CHANGE")),
            "--order-change": (self.order_changes, ("ORDER_CHANGE",)),
            "--aggregate": (self.aggregation, ("ANY_OFFER_CHANGED",)),
        }
        for option, (value, types) in given.items():
            if value and name not in types:
                raise SetupError(
                    f"{option} filters {' and '.join(types)} only: subscribe {name} in a command of its own"
                )
        wanted: dict[str, object] = {"eventFilterType": name}
        if self.marketplaces:
            wanted["marketplaceIds"] = list(self.marketplaces)
        if self.order_changes:
            wanted["orderChangeTypes"] = list(self.order_changes)
        if self.aggregation:
            wanted["aggregationSettings"] = {"aggregationTimePeriod": self.aggregation}
        return {"eventFilter": wanted} if len(wanted) > 1 else None


def same_directive(one: object, other: object) -> bool:
    """Whether two processing directives filter alike: order, and fields without a value, do not count."""
    return _plain(one) == _plain(other)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        fields = {name: _plain(item) for name, item in value.items()}
        return {name: item for name, item in fields.items() if item is not None} or None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sorted(value, key=str) or None
    return value
