"""Readings as a test wants them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.inbox.measures import Figures
from receiver.metrics import Readings

NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Plan:
    """A usage plan in use."""

    account_id: str
    operation: str
    share: float


def lane(handler: str = "erp", breaker: str = "closed") -> LaneSnapshot:
    return LaneSnapshot(
        handler=handler,
        concurrency=4,
        running=1,
        waiting=2,
        more=False,
        unrecorded=0,
        rate=None,
        tokens=None,
        breaker=breaker,
        breaker_since=None,
        breaker_until=None,
        breaker_reason="503 Service Unavailable" if breaker != "closed" else "",
        stopping=False,
    )


@pytest.fixture
def readings() -> Callable[..., Readings]:
    """Readings of a daemon at peace, with changes."""

    def make(breaker: str = "closed", at: float = NOW, **changes: Any) -> Readings:
        inbox = {name: changes.pop(name) for name in ("oldest", "subscriptions", "last_received") if name in changes}
        figures = Figures(**({"last_received": at - 60.0} | inbox))
        given = {"at": at, "figures": figures, "lanes": {"erp": lane("erp", breaker)}} | changes
        return Readings(**given)

    return make


@pytest.fixture
def plan() -> type[Plan]:
    return Plan
