"""How a lane stands at one moment, for people and metrics."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneSnapshot:
    """One handler's lane. Times are seconds since the epoch."""

    handler: str
    concurrency: int
    running: int
    waiting: int
    """Claimed, about to start."""
    more: bool
    """The last look into the inbox left due deliveries there, or none has been taken since the lane was woken.

    Also while one is under way.
    """
    unrecorded: int
    """Ended, not yet on disk."""
    rate: float | None
    """Starts a second, None for any number."""
    tokens: float | None
    """Starts that the rate allows at once now."""
    breaker: str
    """`closed`, `open` or `half-open`."""
    breaker_since: float | None
    breaker_until: float | None
    """When the next probe is let through."""
    breaker_reason: str
    stopping: bool
