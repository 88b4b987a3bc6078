"""The ids of traces and spans, made of what names notifications and deliveries anyhow.

So a trace needs no memory: after a restart the next attempt, also of another process, is in the trace of the first.
Sources: W3C Trace Context (traceparent, version 00); OpenTelemetry's TraceIdRatioBased sampler, which looks at the
lower 8 bytes of a trace id.
"""

import random
from dataclasses import dataclass
from hashlib import blake2b

_HALF = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class SpanId:
    """A span in its trace."""

    trace: int
    span: int

    @property
    def traceparent(self) -> str:
        """As HTTP carries it: sampled, because others are not passed on."""
        return f"00-{self.trace:032x}-{self.span:016x}-01"


class Ids:
    """The ids of one inbox. `salt` sets its traces apart from those of others, `ratio` is the share that is sampled."""

    def __init__(self, salt: bytes, ratio: float) -> None:
        self._salt = salt[:16]
        self._bound = round(ratio * (1 << 64))

    def notification(self, number: int) -> SpanId | None:
        """The span of a notification, the root of its trace, by its number in the inbox; None where it is left out."""
        trace = self._hash(b"trace", number, 16)
        return SpanId(trace, self._hash(b"root", number, 8)) if trace & _HALF < self._bound else None

    def delivery(self, root: SpanId, number: int) -> SpanId:
        """The span of a delivery, by its number in the inbox."""
        return SpanId(root.trace, self._hash(b"delivery", number, 8))

    def _hash(self, kind: bytes, number: int, size: int) -> int:
        """Never 0, which is no valid id."""
        digest = blake2b(str(number).encode(), digest_size=size, key=self._salt, person=kind).digest()
        return int.from_bytes(digest, "big") or 1


def child(parent: SpanId) -> SpanId:
    """A span of the parent's trace that nobody needs to find again: its id is drawn."""
    return SpanId(parent.trace, random.getrandbits(64) or 1)
