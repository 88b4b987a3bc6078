"""What Amazon has refused lately, counted by whom it refused and why. Bounded; kept as long as the process lives."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from handlers.spapi.errors import SpapiError

WITHIN = 3600.0
"""Seconds that a refusal is counted."""
_MOST = 500
_SLOT = 300.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answers of one status to an account's calls of one operation. Times are seconds since the epoch."""

    account_id: str
    operation: str
    status: int
    count: int
    """Within the last hour."""
    last: float
    text: str
    """What Amazon said last, with its cure."""


@dataclass(slots=True)
class _Tally:
    text: str = ""
    last: float = 0.0
    slots: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=int(WITHIN / _SLOT) + 1))

    def add(self, text: str, now: float) -> None:
        self.text, self.last = text, now
        if self.slots and now < self.slots[-1][0] + _SLOT:
            start, count = self.slots.pop()
            self.slots.append((start, count + 1))
        else:
            self.slots.append((now, 1))

    def count(self, now: float) -> int:
        return sum(count for start, count in self.slots if start > now - WITHIN)


class Refusals:
    """The refusals of a client. Used from the event loop; `clock` counts seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tallies: OrderedDict[tuple[str, str, int], _Tally] = OrderedDict()

    def note(self, account_id: str, error: SpapiError) -> None:
        """Amazon refused a call."""
        key = (account_id, error.operation, error.status)
        tally = self._tallies.pop(key, None) or _Tally()
        tally.add(str(error), self._clock())
        self._tallies[key] = tally
        if len(self._tallies) > _MOST:
            self._tallies.popitem(last=False)

    def lately(self) -> list[Refusal]:
        """Those of the last hour, the latest first."""
        now = self._clock()
        listed = [
            Refusal(*key, count, tally.last, tally.text)
            for key, tally in reversed(self._tallies.items())
            if (count := tally.count(now))
        ]
        return sorted(listed, key=lambda refusal: -refusal.last)
