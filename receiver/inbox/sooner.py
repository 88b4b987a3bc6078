"""Deliveries that wait for a usage plan and whose turn comes earlier than they were told."""

from typing import NamedTuple

from receiver.inbox.transaction import Transaction

_DIFFERENCE = 2.0
"""Seconds between the time that a plan told and the one on record: what lies further off was set for another reason."""
_BY_ID = "UPDATE deliveries SET due_at = ? WHERE id = ? AND state = 0 AND abs(due_at - ?) < ? RETURNING handler"
_BY_LINE = (
    "UPDATE deliveries INDEXED BY deliveries_front SET due_at = ? WHERE handler = ? AND key = ? "
    "AND key IS NOT NULL AND state IN (0, 2) AND state = 0 AND abs(due_at - ?) < ? RETURNING handler"
)


class Sooner(NamedTuple):
    """A turn that comes earlier. Times are seconds since the epoch."""

    delivery: int | None
    """None where it is the first one in the line of a key that waits."""
    handler: str
    key: str
    told: float
    turn: float


def bring_forward(transaction: Transaction, calls: list[list[Sooner]]) -> list[list[str]]:
    """Let deliveries come at their turns where they wait for what they were told; the handlers of those that do."""
    return [[name for each in turns for name in _moved(transaction, each)] for turns in calls]


def _moved(transaction: Transaction, each: Sooner) -> list[str]:
    if each.delivery is not None:
        rows = transaction.rows(_BY_ID, (each.turn, each.delivery, each.told, _DIFFERENCE))
    else:
        rows = transaction.rows(_BY_LINE, (each.turn, each.handler, each.key, each.told, _DIFFERENCE))
    return [name for (name,) in rows]
