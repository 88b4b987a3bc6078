"""What deliveries have in common: why the latest of the dead died, and by which ways those of a filter came."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from receiver.inbox.filters import of_deliveries
from receiver.inbox.listing import DeliveryFilter
from receiver.inbox.tokens import Tables

_LATEST = 2_000
_DEAD = (
    "SELECT id, handler, reason, finished_at FROM deliveries INDEXED BY deliveries_dead WHERE state = 4 "
    "ORDER BY id DESC LIMIT ?"
)
_WAYS = (
    "SELECT rule, handler, type, count(*) FROM deliveries "
    "JOIN notifications ON notifications.id = deliveries.notification_id{} GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT ?"
)
_VARIES = re.compile(r"[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*|[0-9]+(?:[.,-][0-9]+)*")


@dataclass(frozen=True, slots=True)
class Cause:
    """Dead deliveries of one handler for the same reason, numbers and ids in it aside."""

    handler: str
    reason: str
    """Of the latest of them."""
    count: int
    last: float | None
    latest: int
    """The latest delivery of them."""


@dataclass(frozen=True, slots=True)
class Way:
    """Deliveries that came by one rule to one handler with one type of notification."""

    rule: str
    handler: str
    type: str
    count: int


async def ways(inbox: Tables, which: DeliveryFilter, limit: int) -> list[Way]:
    """By which ways the deliveries of a filter came, the most frequent first. Raises Unavailable."""
    conditions = of_deliveries(which)
    return [Way(*row) for row in await inbox.rows(_WAYS.format(conditions.where), (*conditions.values, limit))]


async def causes(inbox: Tables, limit: int = _LATEST) -> list[Cause]:
    """Why the latest deliveries died, the most frequent cause first. Raises Unavailable."""
    rows: Sequence[Any] = await inbox.rows(_DEAD, (limit,))
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        groups.setdefault((row[1], _VARIES.sub("#", row[2])), []).append(row)
    found = [
        Cause(handler, members[0][2], len(members), members[0][3], members[0][0])
        for (handler, _), members in groups.items()
    ]
    return sorted(found, key=lambda cause: -cause.count)
