"""The two kinds of AWS resources that SP-API delivers to: an account's EventBridge, and an SQS queue."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from receiver.setup.errors import SetupError
from receiver.setup.kinds import Kind

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")
_QUEUE = re.compile(
    r"arn:aws:sqs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<name>[A-Za-z0-9_-]{1,80}(?:\.fifo)?)"
)


@dataclass(frozen=True, slots=True)
class EventBridge:
    """EventBridge of an AWS account in a region."""

    account_id: str
    region: str

    @classmethod
    def parse(cls, account_id: str, region: str) -> "EventBridge":
        """Raises SetupError."""
        if not _ACCOUNT.fullmatch(account_id):
            raise SetupError(f"--event-bridge takes an AWS account id of 12 digits, not {account_id!r}")
        return cls(account_id, _region(region))

    @property
    def specification(self) -> dict[str, Any]:
        """The `resourceSpecification` of createDestination."""
        return {"eventBridge": {"accountId": self.account_id, "region": self.region}}

    @property
    def default_name(self) -> str:
        """How its destination is called where nobody names it."""
        return f"spapi-router-{self.account_id}-{self.region}"

    def is_of(self, destination: Mapping[str, Any]) -> bool:
        """Whether a destination delivers here."""
        there = _resource(destination, "eventBridge")
        return (there.get("accountId"), there.get("region")) == (self.account_id, self.region)


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue by its ARN."""

    arn: str
    region: str
    account_id: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> "Queue":
        """Raises SetupError: for what is no ARN, and for a FIFO queue, which SP-API does not deliver to."""
        match = _QUEUE.fullmatch(arn)
        if match is None:
            raise SetupError(
                f"--sqs takes the ARN of a queue like arn:aws:sqs:us-east-1:123456789012:NAME, not {arn!r}"
            )
        if match["name"].endswith(".fifo"):
            raise SetupError(f"--sqs: SP-API delivers to standard queues only, and {match['name']} is a FIFO queue")
        return cls(arn, _region(match["region"]), match["account"], match["name"])

    @property
    def specification(self) -> dict[str, Any]:
        """The `resourceSpecification` of createDestination."""
        return {"sqs": {"arn": self.arn}}

    @property
    def default_name(self) -> str:
        """How its destination is called where nobody names it."""
        return f"spapi-router-{self.name}"

    def is_of(self, destination: Mapping[str, Any]) -> bool:
        """Whether a destination delivers here."""
        return bool(_resource(destination, "sqs").get("arn") == self.arn)


Resource = EventBridge | Queue


@dataclass(frozen=True, slots=True)
class Resources:
    """What the person gave to deliver to."""

    event_bridge: EventBridge | None = None
    queue: Queue | None = None

    def of(self, kind: Kind) -> Resource:
        """The resource that carries a type. Raises SetupError, which names the right option."""
        carrier = kind.carrier or ("sqs" if self.queue else "event-bridge")
        found: Resource | None = self.queue if carrier == "sqs" else self.event_bridge
        if found is not None:
            return found
        if carrier == "sqs":
            raise SetupError(f"SP-API sends {kind.name} to an SQS queue, not to EventBridge: add --sqs QUEUE_ARN")
        raise SetupError(f"SP-API sends {kind.name} to EventBridge, not to SQS: add --event-bridge AWS_ACCOUNT_ID")

    def check_used(self, kinds: Sequence[Kind]) -> None:
        """Raise SetupError for a resource that carries none of the types, or one that is missing."""
        used = [self.of(kind) for kind in kinds]
        for resource, option in [(self.event_bridge, "--event-bridge"), (self.queue, "--sqs")]:
            if resource is not None and resource not in used:
                names = ", ".join(kind.name for kind in kinds)
                raise SetupError(f"{option} carries none of {names}: leave it out")


def _resource(destination: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    resource = destination.get("resource")
    found = resource.get(name) if isinstance(resource, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def described(destination: Mapping[str, Any]) -> tuple[str, str]:
    """The carrier of a destination and what it delivers to, for listings."""
    queue, bus = _resource(destination, "sqs"), _resource(destination, "eventBridge")
    if queue:
        return "sqs", str(queue.get("arn") or "")
    if bus:
        place = f"{bus.get('accountId')} {bus.get('region')}"
        return "event-bridge", f"{place} {bus['name']}" if bus.get("name") else place
    return "", ""


def _region(region: str) -> str:
    if not _REGION.fullmatch(region):
        raise SetupError(f"{region!r} is not an AWS region: write one like us-east-1")
    return region
