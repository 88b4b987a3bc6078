"""Whether a call's token opens the operation, and which personal data with it.

Source: "Tokens API" (restricted operations) and "Grantless operations" of Amazon's SP-API guide.
"""

import re
from typing import Any

from receiver.simulators.spapi.ask import Rejected
from receiver.simulators.spapi.tokens import Bearer

_RESTRICTED = frozenset(
    {
        "orders.v0.getOrderAddress",
        "orders.v0.getOrderBuyerInfo",
        "orders.v0.getOrderItemsBuyerInfo",
        "orders.v0.getOrderRegulatedInfo",
        "mfn.v0.getShipment",
        "mfn.v0.cancelShipment",
        "mfn.v0.createShipment",
    }
)
"""Operations that open with a restricted data token only; others hide personal data without one."""
_FIELD = re.compile(r"\\\{[^}]*\\\}")


def check(operation: Any, raw_path: str, bearer: Bearer) -> frozenset[str]:
    """The data elements that the token opens. Raises Rejected where it does not open the operation."""
    if operation.scope is not None:
        if bearer.scope != operation.scope:
            raise _denied("This operation takes a grantless token of its scope")
        return frozenset()
    if bearer.scope:
        raise _denied("A grantless token opens grantless operations only")
    if bearer.resources:
        return _opened(operation, raw_path, bearer)
    if operation.full_name in _RESTRICTED:
        raise _denied("This operation takes a restricted data token")
    return frozenset()


def _opened(operation: Any, raw_path: str, bearer: Bearer) -> frozenset[str]:
    for method, path, elements in bearer.resources:
        pattern = _FIELD.sub("[^/]+", re.escape(path))
        if method == operation.method and re.fullmatch(pattern, raw_path):
            return frozenset(elements)
    raise _denied("The restricted data token is for another resource")


def _denied(details: str) -> Rejected:
    return Rejected(403, "Unauthorized", "Access to requested resource is denied.", details)
