"""The circuit breaker of a handler: stops calling a destination that fails, and finds out when it is back.

After the circuit breaker pattern of Michael Nygard's Release It! (2007): closed, open, half-open.
"""

import math
from collections import deque
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Annotated, ClassVar, NamedTuple

import orjson
from pydantic import ConfigDict, Field

from handlers.base import PositiveDuration
from receiver.dispatcher.sellers import Sellers

_SLICES = 10
_MOST_DOUBLINGS = 30
_AT_ONCE = 20
"""Probes for sellers whose probes have failed before until a pause begins."""
_MOST_REPEATED = 100
"""Such probes in a row, where nobody knows of others, after which each is followed by a pause."""


class Phase(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    """Deliveries run."""
    OPEN = "open"
    """Deliveries wait."""
    HALF_OPEN = "half-open"
    """One delivery at a time runs, to see whether the destination is back."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Opens when at least `ratio` of at least `calls` attempts within `window` seconds failed, or the last `calls` did.

    In both cases, too, the last attempt failed for at least `ratio` of the sellers served meanwhile, and for more than
    one of them where the last hour knows of others. Stays open for `open_for` seconds, twice as long after each probe
    that fails, up to `most`.
    """

    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    calls: Annotated[int, Field(ge=1, le=100_000)] = 20
    window: PositiveDuration = 60.0
    open_for: PositiveDuration = 15.0
    most: PositiveDuration = 300.0

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if self.window <= 0 or self.open_for <= 0:
            raise ValueError("window and open_for must be longer than nothing")
        if self.open_for > self.most:
            raise ValueError("open_for is longer than most: raise most")

    def pause(self, openings: int) -> float:
        """Seconds to stay open at the `openings`-th opening in a row, from 1."""
        return float(min(self.most, self.open_for * 2.0 ** min(openings - 1, _MOST_DOUBLINGS)))


@dataclass(frozen=True, slots=True)
class BreakerState:
    """What outlives a restart."""

    phase: Phase = Phase.CLOSED
    since: float = 0.0
    """When it opened first, seconds since the epoch."""
    until: float = 0.0
    """When it lets a probe through."""
    openings: int = 0
    """How often it opened in a row."""
    reason: str = ""
    """What the last failure said."""

    def encode(self) -> bytes:
        """The note kept in the inbox; nothing for a closed breaker."""
        return b"" if self.phase is Phase.CLOSED else orjson.dumps(asdict(self))

    @classmethod
    def decode(cls, note: bytes) -> "BreakerState":
        """The state in a note. Raises ValueError."""
        fields = orjson.loads(note)
        try:
            phase = Phase(fields["phase"])
            times = float(fields["since"]), float(fields["until"])
            return cls(phase, *times, max(1, int(fields["openings"])), str(fields["reason"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a breaker's state: {error!r}") from None


class Ticket(NamedTuple):
    """The right to run one delivery. Results of attempts that began in another phase count for nothing."""

    spell: int


class Breaker:
    """One handler's breaker. `now` is seconds since the epoch everywhere; without a policy it never opens."""

    def __init__(self, policy: BreakerPolicy | None, state: BreakerState | None = None) -> None:
        self.policy = policy
        self.state = state if state and policy else BreakerState()
        self._spell = 0
        self._probing = False
        self._counts = _Counts(policy.window if policy else 1.0)
        self._in_a_row = 0
        self._row_began = 0.0
        self._sellers = Sellers()
        self._failed: set[str] = set()
        self._repeated = 0

    def admits(self, now: float) -> int | None:
        """How many deliveries may start now, None for any number."""
        if self.policy is None or self.state.phase is Phase.CLOSED:
            return None
        return int(not self._probing and now >= self._until(now))

    def next_at(self, now: float) -> float:
        """When the next delivery may start, infinite where that hangs on one that is running."""
        if self.state.phase is Phase.CLOSED:
            return now
        return math.inf if self._probing else max(now, self._until(now))

    def enter(self, now: float) -> Ticket:
        """Note that a delivery starts; to be called only where `admits` allows one."""
        if self.state.phase is not Phase.CLOSED:
            self._probing = True
            if self.state.phase is Phase.OPEN:
                self._change(replace(self.state, phase=Phase.HALF_OPEN))
        return Ticket(self._spell)

    def leave(
        self, ticket: Ticket, success: bool | None, now: float, reason: str = "", seller: str = ""
    ) -> Phase | None:
        """Note how a seller's delivery ended, None where that says nothing of its destination.

        The new phase on a change.
        """
        if self.policy is None or ticket.spell != self._spell:
            return None
        if success is not None:
            self._sellers.add(seller, now, failed=not success)
        if self.state.phase is Phase.HALF_OPEN:
            return self._judge_probe(success, now, reason, seller)
        if success is None:
            return None
        self._counts.add(now, failed=not success)
        if success or not self._in_a_row:
            self._row_began = now
        self._in_a_row = 0 if success else self._in_a_row + 1
        if success or not self._is_failing(self.policy, now):
            return None
        self._failed, self._repeated = {seller}, 0
        return self._open(now, now, 1, reason)

    def _is_failing(self, policy: BreakerPolicy, now: float) -> bool:
        calls, failures = self._counts.within(now)
        if self._in_a_row < policy.calls and (calls < policy.calls or failures < policy.ratio * calls):
            return False
        return self._sellers.are_failing(policy.ratio, min(now - policy.window, self._row_began), now)

    def adjust(self, policy: BreakerPolicy | None) -> None:
        """Take another policy; counts start anew where its window differs, and no policy closes the breaker."""
        if self.policy is None or policy is None or policy.window != self.policy.window:
            self._counts = _Counts(policy.window if policy else 1.0)
        if policy is None:
            self._change(BreakerState())
        self.policy = policy

    def _judge_probe(self, success: bool | None, now: float, reason: str, seller: str) -> Phase | None:
        self._probing = False
        if success is None:
            return None
        if success:
            self._counts.clear()
            self._sellers.forgive()
            self._change(BreakerState())
            return Phase.CLOSED
        if self._is_repeated(seller):
            return None
        return self._open(now, self.state.since, self.state.openings + 1, reason)

    def _is_repeated(self, seller: str) -> bool:
        """Whether only a seller whom it has failed since it opened has failed again: the next may be another's."""
        if not seller or seller not in self._failed:
            self._failed.add(seller)
            self._repeated = 0
            return False
        self._repeated += 1
        may_go_on = self._repeated < _MOST_REPEATED or self._sellers.has_others(self._failed)
        return may_go_on and self._repeated % _AT_ONCE > 0

    def _open(self, now: float, since: float, openings: int, reason: str) -> Phase:
        pause = self.policy.pause(openings) if self.policy else 0.0
        self._change(BreakerState(Phase.OPEN, since, now + pause, openings, reason))
        return Phase.OPEN

    def _until(self, now: float) -> float:
        """The end of the pause. A clock that was set back does not make it longer than the policy allows."""
        most = now + (self.policy.most if self.policy else 0.0)
        if self.state.until > most:
            self.state = replace(self.state, until=most)
        return self.state.until

    def _change(self, state: BreakerState) -> None:
        self._probing = self._probing and state.phase is Phase.HALF_OPEN
        self._in_a_row = 0
        self.state = state
        self._spell += 1


class _Counts:
    """Calls and failures of the last `window` seconds, in slices of a tenth of it: memory does not grow with calls."""

    def __init__(self, window: float) -> None:
        self._slice = window / _SLICES
        self._slices: deque[list[float]] = deque(maxlen=_SLICES)

    def add(self, now: float, failed: bool) -> None:
        place = now // self._slice
        if not self._slices or self._slices[-1][0] != place:
            self._slices.append([place, 0, 0])
        self._slices[-1][1] += 1
        self._slices[-1][2] += failed

    def within(self, now: float) -> tuple[int, int]:
        place = now // self._slice
        recent = [each for each in self._slices if place - _SLICES < each[0] <= place]
        return int(sum(each[1] for each in recent)), int(sum(each[2] for each in recent))

    def clear(self) -> None:
        self._slices.clear()
