"""Proving pushes in the event loop's process, so that two cores share what is there to be done.

The writer judges what is handed to it: that way the loop has time for deliveries. Where pushes come faster than the
writer takes them and nothing is being delivered, the loop has time for them, too: for what SNS sends, not for what
somebody made so that looking at it takes long.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from receiver.judge import KeyWanted, Proven, Prover, Pushed, Terms
from receiver.sns import CertificateStore

_IN_LINE = 40
"""Pushes in flight, beside which the writer has more than the next batch."""
_LARGEST = 32768
"""Bytes of a body: JSON can be written so that reading it takes a second a megabyte, in which nobody is heard."""
_PAUSE = 1.0
"""Seconds without a proof after a push that was not proven: SNS sends next to none, others may come by the hundred."""


class Ahead:
    """Proves a push before the writer comes to it. `has_time` tells whether the loop has nothing better to do."""

    def __init__(
        self,
        certificates: CertificateStore,
        has_time: Callable[[], bool],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ticks` is a monotonic clock in seconds."""
        self._certificates = certificates
        self._has_time = has_time
        self._ticks = ticks
        self._begins = float("-inf")
        self._prover: Prover | None = None

    def settle(self, terms: Terms) -> None:
        """Prove by these terms from now on."""
        self._prover = Prover(terms)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Prove nothing meanwhile: what is handed to the writer after other terms must not be proven by these."""
        prover, self._prover = self._prover, None
        try:
            yield
        finally:
            self._prover = prover

    def taken(self, pushed: Pushed, in_flight: int) -> Pushed | Proven:
        """What is to be handed to the writer of a push: proven, or itself where that is left to it.

        Raises Refused, and Unavailable for a message from the future.
        """
        if in_flight < _IN_LINE or len(pushed.body) > _LARGEST or self._prover is None:
            return pushed
        if self._ticks() < self._begins or not self._has_time():
            return pushed
        proven: Proven | None = None
        try:
            message = self._prover.prove(pushed, self._key)
            proven = None if isinstance(message, KeyWanted) else Proven(message, pushed.now)
        finally:
            if proven is None:
                self._begins = self._ticks() + _PAUSE
        return proven or pushed

    def _key(self, url: str, now: float) -> RSAPublicKey | None:
        held = self._certificates.held(url, now)
        return held.key if held else None
