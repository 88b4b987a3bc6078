"""A span as this program knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from receiver.telemetry.ids import SpanId

Attributes = Mapping[str, str | int | float]
Kind = Literal["internal", "server", "client"]


@dataclass(frozen=True, slots=True)
class Span:
    """A span that has ended. Times are seconds since the epoch."""

    id: SpanId
    parent: SpanId | None
    name: str
    begins: float
    ends: float
    kind: Kind = "internal"
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None
    """Why it failed, None where it did not."""
