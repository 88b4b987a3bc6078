"""Judging forwarded webhooks by the Standard Webhooks specification, apart from the code that signs them.

Source: Standard Webhooks specification 1.0.0, "Verifying webhook authenticity".
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

from receiver.simulators.errors import SimulationError

_PREFIX = "whsec_"
_TOLERANCE = 300.0


class InvalidWebhook(Exception):
    """A webhook whose signature or time is wrong; the text says which."""


class WebhookCheck:
    """Checks webhooks signed with a `whsec_` secret; raises InvalidWebhook. Times may be five minutes off."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        """Take the secret in. Raises SimulationError where it is none, without repeating it."""
        try:
            self._key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raise SimulationError("a webhook secret is whsec_ and base64") from None
        self._clock = clock

    def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not webhook_id or not timestamp.isdigit():
            raise InvalidWebhook("webhook-id or webhook-timestamp is missing")
        if abs(self._clock() - int(timestamp)) > _TOLERANCE:
            raise InvalidWebhook("webhook-timestamp is too far from now")
        digest = hmac.new(self._key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        expected = b"v1," + base64.b64encode(digest)
        given = headers.get("webhook-signature", "").encode().split(b" ")
        if not any(hmac.compare_digest(expected, one) for one in given):
            raise InvalidWebhook("webhook-signature does not match")
