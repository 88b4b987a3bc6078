"""What came of a simulation: answers by status, latencies, and whether all was taken."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from receiver.simulators.sns.plan import Planned
from receiver.simulators.sns.sender import Answer

_QUANTILES = {"min": 0.0, "p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of ascending values: the least of them that `share` of all do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a simulation. Latencies are milliseconds by name (min, p50, p95, p99, max)."""

    sent: int
    taken: int
    repeats: int
    retries: int
    seconds: float
    answers: dict[str, int]
    latencies: dict[str, float]

    @property
    def complete(self) -> bool:
        """Whether everything that was sent was taken, and something was sent."""
        return self.sent == self.taken > 0

    def record(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "sent": self.sent,
            "taken": self.taken,
            "repeats": self.repeats,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "rate": round(self.sent / self.seconds, 1) if self.seconds else None,
            "answers": self.answers,
            "latency_ms": {name: round(value, 3) for name, value in self.latencies.items()},
        }


class Tally:
    """Counts answers as they come."""

    def __init__(self) -> None:
        self._answers: Counter[str] = Counter()
        self._latencies = array("d")
        self._taken = self._repeats = self._retries = 0

    def add(self, planned: Planned, answer: Answer) -> None:
        """Count one message that was delivered or given up."""
        self._answers[answer.label] += 1
        self._taken += answer.taken
        self._repeats += planned.repeat is not None
        self._retries += answer.attempts - 1
        if answer.status is not None:
            self._latencies.append(answer.seconds * 1000)

    def summary(self, seconds: float) -> Summary:
        """The figures after `seconds` of sending. Latencies are those of pushes that were answered."""
        ordered = sorted(self._latencies)
        return Summary(
            sent=self._answers.total(),
            taken=self._taken,
            repeats=self._repeats,
            retries=self._retries,
            seconds=seconds,
            answers=dict(self._answers.most_common()),
            latencies={name: quantile(ordered, share) for name, share in _QUANTILES.items()} if ordered else {},
        )
