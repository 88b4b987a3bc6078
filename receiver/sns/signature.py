"""What SNS signs, and whether a signature is SNS's. Pure: no I/O."""

import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from receiver.errors import NotAuthentic
from receiver.sns.message import MessageType

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_PADDING = PKCS1v15()
# SignatureVersion 1 is SHA-1 by SNS's definition; `signature_versions` of the Verifier can refuse it.
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303

SIGNATURE_VERSIONS = frozenset(_HASHES)


def signed_fields(kind: MessageType) -> tuple[str, ...]:
    """The fields that the signature covers, in their order; those that are absent are left out.

    Source: "Verifying the signatures of Amazon SNS messages" in the SNS developer guide.
    """
    return _NOTIFICATION if kind == "Notification" else _CONFIRMATION


def text_to_sign(kind: MessageType, fields: Mapping[str, Any]) -> bytes:
    r"""`key\nvalue\n` for each signed field that is present, in UTF-8."""
    lines: list[str] = []
    for name in signed_fields(kind):
        if name in fields:
            lines += name, fields[name]
    return "\n".join([*lines, ""]).encode()


def check_signature(key: RSAPublicKey, version: str, signature: str, text: bytes) -> None:
    """Demand an RSA PKCS #1 v1.5 signature (RFC 8017, section 8.2) in canonical Base64. Raises NotAuthentic."""
    raw = _decoded(signature)
    if len(raw) * 8 != (key.key_size + 7) // 8 * 8:
        raise NotAuthentic("signature", f"the Signature has {len(raw)} bytes, the key {(key.key_size + 7) // 8}")
    try:
        key.verify(raw, text, _PADDING, _HASHES[version])
    except InvalidSignature:
        raise NotAuthentic("signature", "the Signature does not fit the message and the certificate") from None


def _decoded(signature: str) -> bytes:
    """Base64 in its one canonical spelling (RFC 4648, section 3.5), so that no second text stands for the signature."""
    try:
        raw = binascii.a2b_base64(signature, strict_mode=True)
        if binascii.b2a_base64(raw, newline=False) == signature.encode("ascii"):
            return raw
    except ValueError:
        pass
    raise NotAuthentic("signature", "the Signature is not canonical Base64")
