"""Which deliveries have not ended, told by the ids that their handlers know them by."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from receiver.inbox.identity import webhook_id

# One part for each index that knows open deliveries: finished ones are millions.
_OPEN = (
    "SELECT webhook FROM deliveries WHERE handler = ?1 AND state = 0 "
    "UNION SELECT webhook FROM deliveries WHERE handler = ?1 AND key IS NOT NULL AND state IN (0, 1) "
    "UNION SELECT webhook FROM deliveries WHERE state = 2 AND leased_until IS NOT NULL AND handler = ?1"
)


async def unfinished(rows: Callable[[str, Sequence[Any]], Awaitable[list[Any]]], handler: str) -> set[str]:
    """The webhook ids of a handler's deliveries that wait or run; `rows` answers a query, as an inbox does."""
    return {webhook_id(webhook) for (webhook,) in await rows(_OPEN, (handler,))}
