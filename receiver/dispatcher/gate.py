"""Whether a handler's next delivery may start: its rate and its breaker together."""

import math

from handlers.base import Dead, Done, Outcome, Retry
from receiver.dispatcher.breaker import Breaker, BreakerState, Phase, Ticket
from receiver.dispatcher.rate import TokenBucket
from receiver.dispatcher.settings import LaneSettings


class Gate:
    """The way into a handler. Times are seconds since the epoch."""

    def __init__(self, settings: LaneSettings, state: BreakerState | None = None) -> None:
        self.bucket = TokenBucket(settings.rate, settings.burst)
        self.breaker = Breaker(settings.breaker, state)

    def places(self, now: float, ahead: float = 0.0) -> int | None:
        """How many may start by `now`, counting what the rate allows until `ahead` seconds later; None for any."""
        tokens = self.bucket.available(now + ahead) + 1e-6
        admitted = self.breaker.admits(now)
        if math.isinf(tokens):
            return admitted
        return int(tokens) if admitted is None else min(int(tokens), admitted)

    def opens_at(self, now: float) -> float:
        """When the next may start, infinite where that hangs on a delivery that is running."""
        return max(self.breaker.next_at(now), self.bucket.next_at(now))

    def enter(self, now: float) -> Ticket | None:
        """Let one delivery in, None where none may start now."""
        if self.breaker.admits(now) == 0 or not self.bucket.take(now):
            return None
        return self.breaker.enter(now)

    def leave(self, ticket: Ticket, outcome: Outcome | None, now: float, seller: str) -> Phase | None:
        """Note how a seller's delivery ended (None: it was handed back); the breaker's new phase where it changed."""
        reason = outcome.reason if isinstance(outcome, Retry) else ""
        return self.breaker.leave(ticket, _success(outcome), now, reason, seller)

    def adjust(self, settings: LaneSettings, now: float) -> None:
        """Take other settings, keeping what is known of the destination."""
        self.bucket.adjust(settings.rate, settings.burst, now)
        self.breaker.adjust(settings.breaker)


def _success(outcome: Outcome | None) -> bool | None:
    """What an outcome says of the destination: a refusal for good with a status shows that it answers."""
    if isinstance(outcome, Done):
        return True
    if isinstance(outcome, Dead):
        return True if outcome.status is not None else None
    return False if isinstance(outcome, Retry) else None
