"""What an operator does to deliveries: replay, cancel.

Each call is one step of a longer work, so that no transaction holds the inbox for long. Which deliveries are meant is
settled before the first step: ending one releases another of its key, which is in a state then that was not meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from receiver.inbox.filters import of_deliveries
from receiver.inbox.line import Place, join, settle
from receiver.inbox.listing import DeliveryFilter, State
from receiver.inbox.schema import BLOCKED, CODES, DEAD, DONE, RUNNING, SUPERSEDED, WAITING
from receiver.inbox.statements import FINISH, PLACE, REVIVE
from receiver.inbox.transaction import Transaction

FINAL = frozenset({DONE, DEAD, SUPERSEDED})
OPEN = frozenset({WAITING, BLOCKED, RUNNING})
LAST = "SELECT ifnull(max(id), 0) FROM deliveries"


@dataclass(frozen=True, slots=True)
class Step:
    """Some deliveries, of which those are meant that are in one of some states still."""

    ids: tuple[int, ...]
    states: frozenset[int]
    now: float
    spacing: float = 0.0
    reason: str = ""


def meant(which: DeliveryFilter, possible: frozenset[int], after: int, last: int, limit: int) -> tuple[str, list[Any]]:
    """The query for the deliveries that a filter means, with ids above `after` and up to `last`, in their order."""
    conditions = of_deliveries(which)
    conditions.any_of("deliveries.state", tuple(sorted(possible)))
    conditions.add("deliveries.id > ?", after)
    conditions.add("deliveries.id <= ?", last)
    join_type = " JOIN notifications ON notifications.id = deliveries.notification_id" if which.type else ""
    text = f"SELECT deliveries.id FROM deliveries{join_type}{conditions.where} ORDER BY deliveries.id LIMIT ?"  # noqa: S608
    return text, [*conditions.values, limit]


def states_of(which: DeliveryFilter, possible: frozenset[int]) -> frozenset[int]:
    """The states that a filter means, of those in which something can be done."""
    return possible if which.states is None else possible & {CODES[State(state)] for state in which.states}


def replay(transaction: Transaction, calls: list[Step]) -> list[int]:
    """Make finished deliveries wait again, the i-th of a step `i * spacing` seconds after its `now`; how many."""
    return [_replay(transaction, step) for step in calls]


def cancel(transaction: Transaction, calls: list[Step]) -> list[int]:
    """End open deliveries as dead, and release what waited behind them; how many."""
    return [_cancel(transaction, step) for step in calls]


def _replay(transaction: Transaction, step: Step) -> int:
    count = 0
    for place in _places(transaction, step):
        state = WAITING if place.key is None else BLOCKED
        transaction.execute(REVIVE, (state, step.now + count * step.spacing, place.id))
        transaction.move(place.handler, place.state, state)
        if place.key is not None:
            join(transaction, place, step.now)
        count += 1
    return count


def _cancel(transaction: Transaction, step: Step) -> int:
    count = 0
    lines: dict[tuple[str, str], None] = {}
    for place in _places(transaction, step):
        transaction.execute(FINISH, (DEAD, 0, None, step.now, step.reason, place.id))
        transaction.move(place.handler, place.state, DEAD)
        if place.key is not None and place.state in {WAITING, RUNNING}:
            lines[place.handler, place.key] = None
        count += 1
    for handler, key in lines:
        settle(transaction, handler, key, step.now)
    return count


def _places(transaction: Transaction, step: Step) -> Iterator[Place]:
    """The deliveries of a step that are meant still, each as it is when its turn comes."""
    for id_ in step.ids:
        row = transaction.row(PLACE, (id_,))
        if row is not None and (place := Place(*row)).state in step.states:
            yield place
