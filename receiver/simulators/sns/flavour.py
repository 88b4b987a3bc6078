"""Whose habits the simulator has: Amazon SNS itself, or LocalStack.

Sources: Amazon SNS developer guide ("HTTP/HTTPS headers", "HTTP/HTTPS notification JSON format") and messages signed
by AWS; LocalStack's SNS provider (publisher, certificate and constants modules).
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

LOCALSTACK_CERTIFICATE = "/_aws/sns/SimpleNotificationService-6c6f63616c737461636b69736e696365.pem"
_AMAZON_ORDER = (
    "Type",
    "MessageId",
    "Token",
    "TopicArn",
    "Subject",
    "Message",
    "SubscribeURL",
    "Timestamp",
    "SignatureVersion",
    "Signature",
    "SigningCertURL",
    "UnsubscribeURL",
    "MessageAttributes",
)


class Flavour(StrEnum):
    """`aws` writes messages as Amazon SNS does, `localstack` as LocalStack does."""

    AWS = "aws"
    LOCALSTACK = "localstack"

    def certificate_path(self, label: str) -> str:
        """The path of SigningCertURL. LocalStack's is fixed; Amazon's has the certificate's label."""
        if self is Flavour.LOCALSTACK:
            return LOCALSTACK_CERTIFICATE
        return f"/SimpleNotificationService-{label}.pem"

    def token(self, region: str, digits: str) -> str:
        """The confirmation token of random hex `digits`: 288 of them, or LocalStack's 64 that begin with the region."""
        if self is Flavour.LOCALSTACK:
            return (f"{region}/".encode().hex() + digits)[:64]
        return digits[:288]

    def body(self, fields: Mapping[str, Any]) -> bytes:
        """The JSON text of a message: Amazon's is laid out in lines and raw UTF-8, LocalStack's one ASCII line."""
        if self is Flavour.LOCALSTACK:
            return json.dumps(fields).encode()
        fields = {name: fields[name] for name in _AMAZON_ORDER if name in fields}
        return json.dumps(fields, indent=2, separators=(",", " : "), ensure_ascii=False).encode()
