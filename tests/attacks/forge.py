"""Amazon's side, valid today: an authority like Amazon Trust Services, SNS's certificate, and its signatures."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from receiver.times import iso
from tests.receiver.sns.conftest import Amazon, Holder, Wish, issue

REGION = "us-west-2"
HOST = f"sns.{REGION}.amazonaws.com"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:sp-api-orders"
TOPICS = "arn:aws:sns:*:123456789012:sp-api-*"
CERTIFICATE_URL = f"https://{HOST}/SimpleNotificationService-{'0123456789abcdef' * 2}.pem"
ISSUER_URL = "http://crt.r2m01.amazontrust.com/r2m01.cer"
TOKEN = "2336412f37fb687f5d51e6e2425929f52e8e353134fe72d55ef8b330217d82da"
DAY = timedelta(days=1)


class Forge(Amazon):
    """Makes certificates and messages, sound ones and others. Messages have an id and a time of their own."""

    def __init__(self) -> None:
        keys = [generate_private_key(65537, 2048) for _ in range(5)]
        authority = {"names": (), "uses": (), "ca": True, "issuer_url": None}
        self.root = issue(self.wish(subject="Test Root CA 1", **authority), keys[0])
        self.intermediate = issue(self.wish(subject="Test RSA 2048 M01", **authority), keys[1], self.root)
        self.leaf = issue(self.wish(), keys[2], self.intermediate)
        self.stranger: RSAPrivateKey = keys[3]
        self.stranger_authority = issue(self.wish(subject="Stranger CA", **authority), keys[4])

    @staticmethod
    def wish(**wishes: Any) -> Wish:
        """What a certificate is to be like; sound, and valid for a month around now."""
        now = datetime.now(UTC)
        return Wish(**({"begins": now - 30 * DAY, "ends": now + 30 * DAY} | wishes))

    def another_leaf(self, key: Any = None, issuer: Holder | None = None, **wishes: Any) -> Holder:
        """A leaf that differs from the sound one in what is wished."""
        return issue(self.wish(**wishes), key or self.leaf.key, issuer or self.intermediate)

    def authority(self, subject: str, issuer: Holder, **wishes: Any) -> Holder:
        """Another authority, with the intermediate's key."""
        wish = self.wish(subject=subject, **({"names": (), "uses": (), "ca": True, "issuer_url": None} | wishes))
        return issue(wish, self.intermediate.key, issuer)

    def notification(self, **changes: Any) -> dict[str, Any]:
        """The fields of a signed Notification; a change to None takes a field away."""
        fields: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": str(uuid4()),
            "TopicArn": TOPIC,
            "Message": '{"NotificationType":"ORDER_CHANGE","Payload":{"a":1}}',
            "Timestamp": iso(time.time()),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
        }
        return self._signed(fields, changes)

    def confirmation(self, **changes: Any) -> dict[str, Any]:
        """The fields of a signed SubscriptionConfirmation."""
        token, topic = changes.get("Token", TOKEN), changes.get("TopicArn", TOPIC)
        fields = {
            "Type": "SubscriptionConfirmation",
            "Message": "You have chosen to subscribe",
            "Token": token,
            "SubscribeURL": subscribe_url(topic, token),
        }
        return self.notification(**(fields | changes))

    def tampered(self, **changes: Any) -> dict[str, Any]:
        """A signed Notification of which something was changed after it was signed."""
        fields = self.notification() | changes
        return {name: value for name, value in fields.items() if value is not None}


def subscribe_url(topic: str, token: str) -> str:
    """Where SNS confirms a subscription."""
    return f"https://{host_of(topic)}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}"


def host_of(topic: str) -> str:
    """SNS's host in a topic's region."""
    return f"sns.{topic.split(':')[3]}.amazonaws.com"


def certificate_url(label: str, host: str = HOST) -> str:
    """A certificate's URL of its own for each label: what failed is remembered by URL."""
    return f"https://{host}/SimpleNotificationService-{hashlib.sha256(label.encode()).hexdigest()[:32]}.pem"
