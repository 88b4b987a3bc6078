"""SNS messages as they go over HTTP: fields, signature, headers.

Sources: Amazon SNS developer guide ("HTTP/HTTPS headers", "HTTP/HTTPS subscription confirmation JSON format",
"HTTP/HTTPS notification JSON format", "HTTP/HTTPS unsubscribe confirmation JSON format") and messages sent by AWS.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from receiver.simulators.errors import SimulationError
from receiver.simulators.sns.authority import Authority
from receiver.simulators.sns.flavour import Flavour

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


@dataclass(frozen=True, slots=True)
class Push:
    """One POST that SNS makes: what stands in its headers and its body."""

    message_id: str
    headers: Mapping[str, str]
    body: bytes


def iso(seconds: float) -> str:
    """A time as SNS and SP-API write it: UTC with milliseconds and a Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def region_of(topic: str) -> str:
    """The region of a topic's ARN. Raises SimulationError where it is no topic's ARN."""
    if not _TOPIC.fullmatch(topic):
        raise SimulationError(
            f"{topic!r} is not the ARN of a topic: write it like arn:aws:sns:us-east-1:123456789012:name"
        )
    return topic.split(":")[3]


@dataclass(frozen=True, slots=True)
class Topic:
    """Writes and signs the messages of one topic. `base` is the service's URL and ends with a slash."""

    arn: str
    base: str
    authority: Authority
    flavour: Flavour = Flavour.AWS
    signature_version: str = "1"

    @property
    def certificate_url(self) -> str:
        """SigningCertURL of every message."""
        return self.base.rstrip("/") + self.flavour.certificate_path(self.authority.label)

    def notification(
        self,
        message: str,
        *,
        subscription: str,
        sent_at: float,
        message_id: str | None = None,
        subject: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Push:
        """A Notification for the subscription with that ARN. The attributes are not signed, as with SNS."""
        fields = self._fields("Notification", message_id, message, sent_at)
        fields["UnsubscribeURL"] = f"{self.base}?Action=Unsubscribe&SubscriptionArn={subscription}"
        if subject is not None:
            fields["Subject"] = subject
        if attributes:
            fields["MessageAttributes"] = {
                name: {"Type": "String", "Value": value} for name, value in attributes.items()
            }
        return self._push(fields, subscription)

    def subscription_confirmation(self, token: str, *, sent_at: float) -> Push:
        """The SubscriptionConfirmation that begins a subscription."""
        text = (
            f"You have chosen to subscribe to the topic {self.arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
        return self._push(self._confirmation("SubscriptionConfirmation", token, text, sent_at))

    def unsubscribe_confirmation(self, token: str, *, subscription: str, sent_at: float) -> Push:
        """The UnsubscribeConfirmation that ends a subscription, and whose SubscribeURL would restore it."""
        text = (
            f"You have chosen to deactivate subscription {subscription}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
        )
        return self._push(self._confirmation("UnsubscribeConfirmation", token, text, sent_at), subscription)

    def _fields(self, kind: str, message_id: str | None, message: str, sent_at: float) -> dict[str, Any]:
        return {
            "Type": kind,
            "MessageId": message_id or str(uuid4()),
            "TopicArn": self.arn,
            "Message": message,
            "Timestamp": iso(sent_at),
        }

    def _confirmation(self, kind: str, token: str, message: str, sent_at: float) -> dict[str, Any]:
        url = f"{self.base}?Action=ConfirmSubscription&TopicArn={self.arn}&Token={token}"
        return self._fields(kind, None, message, sent_at) | {"Token": token, "SubscribeURL": url}

    def _push(self, fields: dict[str, Any], subscription: str | None = None) -> Push:
        fields |= {
            "SignatureVersion": self.signature_version,
            "Signature": self.authority.sign(fields, self.signature_version),
            "SigningCertURL": self.certificate_url,
        }
        return Push(fields["MessageId"], self._headers(fields, subscription), self.flavour.body(fields))

    def _headers(self, fields: Mapping[str, Any], subscription: str | None) -> dict[str, str]:
        headers = {
            "x-amz-sns-message-type": fields["Type"],
            "x-amz-sns-message-id": fields["MessageId"],
            "x-amz-sns-topic-arn": self.arn,
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
            "Accept-Encoding": "gzip,deflate",
        }
        return headers | ({"x-amz-sns-subscription-arn": subscription} if subscription else {})
