"""Proving pushes in the event loop's process, so that two cores share what is there to be done.

The writer judges what is handed to it: that way the loop has time for deliveries. Where pushes come faster than the
writer takes them and nothing is being delivered, the loop has time for them, too.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from receiver.judge import KeyWanted, Proven, Prover, Pushed, Terms
from receiver.sns import CertificateStore

_IN_LINE = 40
"""Pushes in flight, beside which the writer has more than the next batch."""


class Ahead:
    """Proves a push before the writer comes to it. `has_time` tells whether the loop has nothing better to do."""

    def __init__(self, certificates: CertificateStore, has_time: Callable[[], bool]) -> None:
        self._certificates = certificates
        self._has_time = has_time
        self._prover: Prover | None = None

    def settle(self, terms: Terms) -> None:
        """Prove by these terms from now on."""
        self._prover = Prover(terms)

    def taken(self, pushed: Pushed, in_flight: int) -> Pushed | Proven:
        """What is to be handed to the writer of a push: proven, or itself where that is left to it.

        Raises Refused, and Unavailable for a message from the future.
        """
        if in_flight < _IN_LINE or self._prover is None or not self._has_time():
            return pushed
        message = self._prover.prove(pushed, self._key)
        return pushed if isinstance(message, KeyWanted) else Proven(message, pushed.now)

    def _key(self, url: str, now: float) -> RSAPublicKey | None:
        held = self._certificates.held(url, now)
        return held.key if held else None
