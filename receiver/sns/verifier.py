"""Whether a message comes from SNS and for us: the order is cheap checks first, then the key, then the signature."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from receiver.errors import NotAuthentic, Unavailable
from receiver.notification import Envelope, attribute_values
from receiver.sns.message import SnsMessage, UnverifiedMessage
from receiver.sns.signature import SIGNATURE_VERSIONS, check_signature, text_to_sign
from receiver.sns.signers import StandIn
from receiver.sns.topics import TopicList
from receiver.sns.urls import check_certificate_url

if TYPE_CHECKING:
    from receiver.sns.certificates import CertificateStore

_MOST_AHEAD = 900.0


class Checks:
    """All of a verification but getting the key: pure, so that it can be done wherever there is time for it."""

    def __init__(
        self,
        topics: TopicList,
        max_age: float = 86400.0,
        signature_versions: frozenset[str] = SIGNATURE_VERSIONS,
        stand_ins: Sequence[StandIn] = (),
    ) -> None:
        """Messages older than `max_age` seconds are refused.

        SNS's longest retry is an hour; the signature itself never ends, so the age is what stops old ones. Raises
        ValueError for signature versions that do not exist.
        """
        if not signature_versions or not signature_versions <= SIGNATURE_VERSIONS:
            raise ValueError(f"signature versions are {', '.join(sorted(SIGNATURE_VERSIONS))}: name at least one")
        self._topics = topics
        self._max_age = max_age
        self._versions = signature_versions
        self.stand_ins = tuple(stand_ins)

    def admit(self, message: UnverifiedMessage, now: float) -> None:
        """Demand an allowed topic, an accepted signature version and a message that is not too old."""
        if not self._topics.allows(message.topic):
            raise NotAuthentic("topic_not_allowed", f"{message.topic.text} is not on the list of allowed topics")
        version = message.fields["SignatureVersion"]
        if version not in self._versions:
            accepted = " and ".join(sorted(self._versions))
            raise NotAuthentic("signature_version", f"SignatureVersion is {version[:20]!a}; accepted here: {accepted}")
        if message.timestamp < now - self._max_age:
            raise NotAuthentic("too_old", f"sent at {message.fields['Timestamp']}, too long before {_date(now)}")

    def signer(self, message: UnverifiedMessage) -> StandIn | None:
        """Whose certificate the message names: a stand-in's, or None for SNS's. Raises NotAuthentic for any other."""
        url: str = message.fields["SigningCertURL"]
        for stand_in in self.stand_ins:
            if stand_in.covers(url):
                return stand_in
        check_certificate_url(url, message.topic)
        return None

    def prove(self, message: UnverifiedMessage, key: RSAPublicKey, now: float) -> SnsMessage:
        """The message, proven by its signer's key. Raises NotAuthentic, and Unavailable for one from the future."""
        fields = message.fields
        text = text_to_sign(message.type, fields)
        check_signature(key, fields["SignatureVersion"], fields["Signature"], text)
        if message.timestamp > now + _MOST_AHEAD:
            raise Unavailable("from_the_future", f"SNS sent this at {fields['Timestamp']}, and it is {_date(now)} here")
        return _proven(message)


class Verifier:
    """Turns UnverifiedMessage into SnsMessage. Where the key is at hand, `verify` never waits for anything."""

    def __init__(
        self,
        certificates: "CertificateStore",
        topics: TopicList,
        *,
        clock: Callable[[], float],
        max_age: float = 86400.0,
        signature_versions: frozenset[str] = SIGNATURE_VERSIONS,
        signers: Sequence[StandIn] = (),
    ) -> None:
        """`clock` gives seconds since the epoch; the rest is as in Checks."""
        self._checks = Checks(topics, max_age, signature_versions, signers)
        self._certificates = certificates
        self._clock = clock

    async def verify(self, message: UnverifiedMessage, at: float | None = None) -> SnsMessage:
        """The message, proven at a time (now, if none is given).

        Raises NotAuthentic with one of the reasons topic_not_allowed, signature_version, too_old, certificate_url,
        certificate, certificate_chain and signature; and Unavailable where a certificate is not to be had now, or
        SNS's clock is ahead of this machine's by more than 15 minutes (the message is genuine then, so losing it to a
        wrong clock would be wrong too).
        """
        now = self._clock() if at is None else at
        self._checks.admit(message, now)
        return self._checks.prove(message, await self._key(message, now), now)

    async def _key(self, message: UnverifiedMessage, now: float) -> RSAPublicKey:
        signer = self._checks.signer(message)
        url: str = message.fields["SigningCertURL"]
        if signer is not None:
            return signer.key or (await self._certificates.get_unproven(url, signer.url, now)).key
        held = self._certificates.held(url, now) or await self._certificates.get(url, message.topic.region, now)
        return held.key


def _proven(message: UnverifiedMessage) -> SnsMessage:
    kind, message_id, topic, sent_at, fields, body = message
    attributes = fields.get("MessageAttributes") if kind == "Notification" else None
    values = attribute_values(attributes) if attributes else None
    envelope = Envelope(fields["Message"], message_id, topic.text, sent_at, fields.get("Subject"), values)
    token, url = fields.get("Token", ""), fields.get("SubscribeURL", "")
    return SnsMessage(kind, message_id, topic.text, sent_at, envelope, token, url, body)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
