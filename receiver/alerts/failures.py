"""How many attempts of each handler failed lately. Pure: fed with counters that only grow."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

_FAILED = frozenset({"retry", "dead"})
_JUDGED = _FAILED | {"done"}


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts of one handler. Those that were postponed say nothing of success and are not among them."""

    total: int = 0
    failed: int = 0

    def since(self, before: "Attempts") -> "Attempts":
        """What came after an earlier count."""
        return Attempts(self.total - before.total, self.failed - before.failed)


class FailureWindow:
    """Counts at several times, to tell what happened between them. Times in seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, Mapping[str, Attempts]]] = deque()

    def add(self, now: float, counts: Mapping[str, Attempts], window: float) -> None:
        """Note the counts of now, and forget what lies before the window but for its edge."""
        if self._counts and now < self._counts[-1][0]:
            self._counts.clear()
        self._counts.append((now, counts))
        while len(self._counts) > 1 and self._counts[1][0] <= now - window:
            self._counts.popleft()

    def recent(self) -> dict[str, Attempts]:
        """What each handler did within the window."""
        if not self._counts:
            return {}
        (_, first), (_, last) = self._counts[0], self._counts[-1]
        return {name: attempts.since(first.get(name, Attempts())) for name, attempts in last.items()}


def counted(families: Iterable[Metric]) -> dict[str, Attempts]:
    """The attempts of each handler in the counter `spapi_router_attempts`."""
    found: dict[str, Attempts] = {}
    for sample in (sample for family in families for sample in family.samples if sample.name.endswith("_total")):
        handler, outcome, value = sample.labels["handler"], sample.labels["outcome"], int(sample.value)
        before = found.get(handler, Attempts())
        judged, failed = value * (outcome in _JUDGED), value * (outcome in _FAILED)
        found[handler] = Attempts(before.total + judged, before.failed + failed)
    return found
