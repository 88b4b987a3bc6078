"""Amazon SNS over HTTPS: is this push from SNS, for a topic of ours? Usable as a library of its own.

    async with http_fetch() as fetch:
        certificates = CertificateStore(fetch, directory=Path("/var/cache/spapi-router"))
        verifier = Verifier(certificates, TopicList(["arn:aws:sns:us-east-1:123456789012:orders"]), clock=time.time)
        message = await verifier.verify(parse(body, headers))

Everything refused raises `receiver.errors.Refused` (never send it again) or `receiver.errors.Unavailable` (later).
"""

import importlib
from typing import TYPE_CHECKING, Any

from receiver.sns.certificate import key_bytes, load_key
from receiver.sns.confirmation import Confirmer
from receiver.sns.fetch import Fetch, Fetched, FetchFailed
from receiver.sns.keys import HeldKey
from receiver.sns.message import MessageType, SnsMessage, UnverifiedMessage
from receiver.sns.parsing import parse
from receiver.sns.regions import TopicArn, certificate_name, parse_topic_arn
from receiver.sns.roots import Roots
from receiver.sns.signature import SIGNATURE_VERSIONS, text_to_sign
from receiver.sns.signers import StandIn
from receiver.sns.topics import TopicList
from receiver.sns.verifier import Checks, Verifier

if TYPE_CHECKING:
    from receiver.sns.certificates import CertificateStore
    from receiver.sns.web import HttpFetch, http_fetch

__all__ = [
    "SIGNATURE_VERSIONS",
    "CertificateStore",
    "Checks",
    "Confirmer",
    "Fetch",
    "FetchFailed",
    "Fetched",
    "HeldKey",
    "HttpFetch",
    "MessageType",
    "Roots",
    "SnsMessage",
    "StandIn",
    "TopicArn",
    "TopicList",
    "UnverifiedMessage",
    "Verifier",
    "certificate_name",
    "http_fetch",
    "key_bytes",
    "load_key",
    "parse",
    "parse_topic_arn",
    "text_to_sign",
]

_FETCHING = {
    "CertificateStore": "receiver.sns.certificates",
    "HttpFetch": "receiver.sns.web",
    "http_fetch": "receiver.sns.web",
}


def __getattr__(name: str) -> Any:
    """What fetches, once it is asked for: the process that writes the inbox proves messages with keys it is given."""
    if name not in _FETCHING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FETCHING[name]), name)
