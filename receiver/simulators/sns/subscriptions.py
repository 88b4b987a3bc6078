"""The subscriptions that the simulated SNS knows, from pending to confirmed to removed."""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import uuid4

from receiver.simulators.sns.flavour import Flavour
from receiver.simulators.sns.messages import region_of


class Status(StrEnum):
    """Where a subscription stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REMOVED = "removed"


@dataclass(slots=True)
class Subscription:
    """One endpoint on one topic. `changed` is set when the status changes."""

    arn: str
    topic: str
    endpoint: str
    token: str
    status: Status = Status.PENDING
    changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def become(self, status: Status) -> None:
        """Take a status and wake who waits for it."""
        self.status = status
        self.changed.set()


class InvalidParameter(Exception):
    """A request that SNS answers with `InvalidParameter`; the text is its Message."""


class Subscriptions:
    """All subscriptions of a simulated SNS."""

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self._all: list[Subscription] = []

    def add(self, topic: str, endpoint: str) -> Subscription:
        """A new pending subscription with a token of its own. Raises SimulationError for what is no topic's ARN."""
        token = self._flavour.token(region_of(topic), secrets.token_hex(144))
        subscription = Subscription(f"{topic}:{uuid4()}", topic, endpoint, token)
        self._all.append(subscription)
        return subscription

    def confirm(self, topic: str, token: str) -> Subscription:
        """What `Action=ConfirmSubscription` does; again is harmless. Raises InvalidParameter."""
        known = next((one for one in self._all if one.token == token), None)
        if known is None:
            raise InvalidParameter("Invalid parameter: Token")
        if known.topic != topic:
            raise InvalidParameter("Invalid parameter: TopicArn")
        known.become(Status.CONFIRMED)
        return known

    def remove(self, arn: str) -> Subscription | None:
        """What `Action=Unsubscribe` does: the subscription it ended, None where it had ended before.

        Raises InvalidParameter for an ARN that was never given out.
        """
        known = next((one for one in self._all if one.arn == arn), None)
        if known is None:
            raise InvalidParameter("Invalid parameter: SubscriptionArn")
        if known.status is Status.REMOVED:
            return None
        known.become(Status.REMOVED)
        return known

    def confirmed(self, endpoint: str) -> Subscription | None:
        """The latest confirmed subscription of an endpoint."""
        found = (one for one in reversed(self._all) if one.endpoint == endpoint and one.status is Status.CONFIRMED)
        return next(found, None)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._all)
