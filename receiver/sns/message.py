"""An SNS message before and after it is proven. The two are different types, so that none is taken for the other."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from receiver.notification import Envelope
from receiver.sns.regions import TopicArn

MessageType = Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]


class UnverifiedMessage(NamedTuple):
    """A well-formed SNS message that anybody may have sent. `receiver.sns.parse` makes it."""

    type: MessageType
    message_id: str
    topic: TopicArn
    timestamp: float
    """SNS's Timestamp, seconds since the epoch."""
    fields: Mapping[str, Any]
    """The message as it was decoded; its form is checked."""
    body: bytes


class SnsMessage(NamedTuple):
    """A message that SNS signed for an allowed topic. Only `Checks.prove` makes one."""

    type: MessageType
    message_id: str
    topic: str
    """The topic's ARN."""
    timestamp: float
    """SNS's Timestamp, seconds since the epoch."""
    envelope: Envelope
    token: str
    """What confirms the subscription; empty in a Notification."""
    subscribe_url: str
    """Where the token is redeemed; empty in a Notification."""
    body: bytes
    """The message as received."""
