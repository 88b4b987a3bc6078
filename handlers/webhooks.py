"""Signatures of the Standard Webhooks specification, version 1.0.0: symmetric scheme `v1`, HMAC-SHA256."""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping

from handlers.errors import HandlerError

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

TOLERANCE = 300.0
"""Seconds that a timestamp may differ from the receiver's clock: what the specification's own libraries allow."""

_PREFIX = "whsec_"
_VERSION = "v1,"
_LEAST_BYTES, _MOST_BYTES = 24, 64
_CURE = ": make one with `openssl rand -base64 32` and put whsec_ before it"
_DIGITS = re.compile(r"[0-9]{1,15}")


class SignatureError(HandlerError):
    """A request does not prove that it was sent by somebody who holds the secret."""


class WebhookSecretError(HandlerError):
    """A webhook secret that cannot be used. The text never repeats the secret."""


def parse_secret(text: str) -> bytes:
    """The key in a secret: base64 of 24 to 64 bytes after `whsec_`, which may be missing. Raises WebhookSecretError."""
    encoded = text.strip().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise WebhookSecretError(f"the webhook secret is not base64{_CURE}") from None
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise WebhookSecretError(
            f"the webhook secret holds {len(key)} bytes, not {_LEAST_BYTES} to {_MOST_BYTES}{_CURE}"
        )
    return key


def sign(webhook_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> str:
    """The `webhook-signature` of a body, one signature for each key: several while a secret is rotated.

    `webhook_id` must hold no full stop; `timestamp` is the time of the attempt in seconds since the epoch.
    """
    signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
    return " ".join([_signature(key, signed) for key in keys])


def verify(
    headers: Mapping[str, str], body: bytes, keys: Iterable[bytes], now: float, tolerance: float = TOLERANCE
) -> None:
    """Raises SignatureError, which says why, unless one of the signatures was made with one of the keys.

    `headers` has lower-case names or is case-insensitive; `now` is in seconds since the epoch, `tolerance` in seconds.
    """
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not headers.get(name)]
    if missing:
        raise SignatureError(f"header {missing[0]} is missing")
    timestamp = headers[TIMESTAMP]
    if not _DIGITS.fullmatch(timestamp):
        raise SignatureError(f"{TIMESTAMP} is not a time in whole seconds since the epoch")
    if abs(now - int(timestamp)) > tolerance:
        raise SignatureError(f"{TIMESTAMP} is {now - int(timestamp):+.0f} s off the clock, more than {tolerance:g} s")
    signed = b".".join((_bytes(headers[ID]), timestamp.encode(), body))
    wanted = [_signature(key, signed).encode() for key in keys]
    given = [_bytes(text) for text in headers[SIGNATURE].split(" ") if text.startswith(_VERSION)]
    matches = [hmac.compare_digest(mine, theirs) for mine in wanted for theirs in given]
    if not any(matches):
        raise SignatureError("no signature was made with this secret for this body")


def _bytes(text: str) -> bytes:
    """Whatever a sender put into a header: servers hand bytes that are not UTF-8 on as lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _signature(key: bytes, signed: bytes) -> str:
    return _VERSION + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
