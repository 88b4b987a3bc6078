"""Whose place in the queue of a usage plan it is."""

from collections.abc import Hashable
from dataclasses import dataclass

from handlers.base import Delivery


@dataclass(frozen=True, slots=True)
class Ticket:
    """Names a delivery's place, which it keeps while it is away: by its id, or by the line of its key.

    Deliveries of one key run one at a time, so that one which supersedes another takes its place over. With a place of
    its own it would begin at the end of the queue, and the one left behind would hold up the others.
    """

    delivery: int | None = None
    """None where the delivery has a key."""
    handler: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A place in the queue of a plan as it was once: who comes for it is told another time."""

    ticket: Ticket
    due: float
    """When somebody is to come for it, on the clock of the plans."""
    wait: float = 0.0
    """Seconds until then."""
    turn: float = 0.0
    """Seconds until its turn: fewer where others gave up their places, or the plan has more room than it had."""


def ticket_of(delivery: Delivery) -> Ticket:
    """The ticket of a delivery."""
    if delivery.key is None:
        return Ticket(delivery.id)
    return Ticket(None, delivery.handler, delivery.key)


def holder_of(name: Hashable) -> Ticket | None:
    """The ticket that a place's name is made from; pages have names like `(ticket, 3)`. None for who waits in place."""
    while isinstance(name, tuple) and name:
        name = name[0]
    return name if isinstance(name, Ticket) else None
