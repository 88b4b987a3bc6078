"""What an operator does to deliveries: replay, cancel.

Each call is one step of a longer work, so that no transaction holds the inbox for long.
"""

from dataclasses import dataclass
from typing import Any

from receiver.inbox.filters import of_deliveries
from receiver.inbox.line import Place, join, settle
from receiver.inbox.listing import DeliveryFilter
from receiver.inbox.schema import BLOCKED, DEAD, RUNNING, WAITING
from receiver.inbox.statements import FINISH, PLACE, REVIVE
from receiver.inbox.transaction import Transaction

_FINAL = "deliveries.state IN (3, 4, 5)"
_OPEN = "deliveries.state IN (0, 1, 2)"
_LAST = "SELECT ifnull(max(id), 0) FROM deliveries"


@dataclass(frozen=True, slots=True)
class Step:
    """Up to `limit` deliveries with ids above `after` and no higher than `last`."""

    which: DeliveryFilter
    now: float
    after: int
    last: int
    limit: int
    spacing: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step did: how many deliveries, and the last of them; fewer than its limit means that it was the last."""

    count: int
    after: int


def last_delivery(transaction: Transaction, calls: list[None]) -> list[int]:
    """The highest id of a delivery: where a long work ends, so that it does not meet what it makes."""
    return [transaction.rows(_LAST)[0][0] for _ in calls]


def replay(transaction: Transaction, calls: list[Step]) -> list[Progress]:
    """Make finished deliveries wait again, the i-th of a step `i * spacing` seconds after the step's `now`."""
    return [_replay(transaction, step) for step in calls]


def cancel(transaction: Transaction, calls: list[Step]) -> list[Progress]:
    """End open deliveries as dead, and release what waited behind them."""
    return [_cancel(transaction, step) for step in calls]


def _replay(transaction: Transaction, step: Step) -> Progress:
    ids = _chosen(transaction, step, _FINAL)
    for index, id_ in enumerate(ids):
        place = Place(*transaction.rows(PLACE, (id_,))[0])
        state = WAITING if place.key is None else BLOCKED
        transaction.execute(REVIVE, (state, step.now + index * step.spacing, id_))
        transaction.move(place.handler, place.state, state)
        if place.key is not None:
            join(transaction, place, step.now)
    return Progress(len(ids), ids[-1] if ids else step.last)


def _cancel(transaction: Transaction, step: Step) -> Progress:
    ids = _chosen(transaction, step, _OPEN)
    lines: dict[tuple[str, str], None] = {}
    for id_ in ids:
        place = Place(*transaction.rows(PLACE, (id_,))[0])
        transaction.execute(FINISH, (DEAD, 0, None, step.now, step.reason, id_))
        transaction.move(place.handler, place.state, DEAD)
        if place.key is not None and place.state in {WAITING, RUNNING}:
            lines[place.handler, place.key] = None
    for handler, key in lines:
        settle(transaction, handler, key, step.now)
    return Progress(len(ids), ids[-1] if ids else step.last)


def _chosen(transaction: Transaction, step: Step, condition: str) -> list[int]:
    """The deliveries of a step, in the order of their ids."""
    conditions = of_deliveries(step.which)
    conditions.texts.append(condition)
    conditions.add("deliveries.id > ?", step.after)
    conditions.add("deliveries.id <= ?", step.last)
    join_type = " JOIN notifications ON notifications.id = deliveries.notification_id" if step.which.type else ""
    text = f"SELECT deliveries.id FROM deliveries{join_type}{conditions.where} ORDER BY deliveries.id LIMIT ?"  # noqa: S608
    values: tuple[Any, ...] = (*conditions.values, step.limit)
    return [row[0] for row in transaction.rows(text, values)]
