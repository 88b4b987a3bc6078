"""Which of SP-API's notifications and operations carry data of buyers, and for how long it may be kept.

Sources: Amazon's example notifications (fields), Amazon's Data Protection Policy (what identifies a
person is kept no longer than 30 days after delivery of the order, encrypted at rest with AES-128 or better), the guides
"Use the Tokens API" and "Access Orders PII" (operations and fields of restricted data).
"""

from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 30 * 86400.0
"""Seconds that data of buyers may be kept."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a notification type tells of a buyer."""

    fields: tuple[str, ...]
    """Paths as `drop` and `mask` take them; none where Amazon publishes no example: all of the payload counts."""
    what: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The fields, or the whole payload."""
        return self.fields or ("payload",)


_MILESTONES = "payload.shipmentTrackingMilestoneChangedNotification.trackingDetail"

NOTIFICATIONS: Mapping[str, Carried] = {
    "ORDER_CHANGE": Carried(
        ("payload.OrderChangeNotification.Summary.DestinationPostalCode",), "the postal code of the buyer"
    ),
    "SHIPMENT_TRACKING_MILESTONE_CHANGED": Carried(
        (
            f"{_MILESTONES}.latestMilestone.location",
            f"{_MILESTONES}.milestoneHistory.*.location",
            f"{_MILESTONES}.trackingUrl",
        ),
        "where a parcel was, up to the buyer's place, and a link that shows more",
    ),
    "ORDER_STATUS_CHANGE": Carried((), "orders: no example is published"),
    "MFN_ORDER_STATUS_CHANGE": Carried((), "orders: no example is published"),
    "FULFILLMENT_ORDER_STATUS": Carried((), "parcels to buyers: no example is published"),
    "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE": Carried((), "parcels to buyers: no example is published"),
}
"""By type. Order ids alone, as in FBA_OUTBOUND_SHIPMENT_STATUS, tell nothing without access to the order."""

OPERATIONS = (
    "easyShip.",
    "externalFulfillment.",
    "fba-outbound.",
    "fulfillment-outbound.",
    "messaging.",
    "mfn.",
    "orders.",
    "shipping.",
    "tracking.",
    "vendor-directFulfillment-orders.",
    "vendor-directFulfillment-shipping.",
)
"""Beginnings of the names of operations whose answers hold names, addresses or telephone numbers of buyers."""


def answers_carry(operation: str) -> bool:
    """Whether the answer of an SP-API operation may hold data of buyers."""
    return operation.startswith(OPERATIONS)
