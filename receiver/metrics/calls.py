"""What handlers tell of themselves: calls to SP-API, tokens, reports. The `handlers.base.Observer` of a daemon."""

import time
from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Callable, Mapping

from receiver.metrics.families import Families

_CALL_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_MOST_REPORTS = 1000
_FORGOTTEN_AFTER = 600.0
_WAITING = frozenset({"IN_QUEUE", "IN_PROGRESS"})


class HandlerMetrics:
    """Counts, and remembers which reports are waited for. Used from the event loop."""

    def __init__(self, make: Families, ticks: Callable[[], float] = time.monotonic) -> None:
        """`ticks` is a monotonic clock in seconds."""
        self._ticks = ticks
        self._calls = make.counters("spapi_calls", "Calls to SP-API", "operation", "status", most=2000)
        self._seconds = make.histograms("spapi_call_seconds", "Duration of calls", _CALL_BUCKETS, "operation")
        self._tokens = make.counters("token_requests", "Tokens asked of Login with Amazon", "grant", "outcome")
        self._reports = make.counters("reports", "Documents that came to a state", "handler", "state")
        self._seen: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    def spapi_called(self, operation: str, status: str, seconds: float, request_id: str) -> None:
        """A call to SP-API ended."""
        self._calls.labels(operation, status).inc()
        self._seconds.labels(operation).observe(seconds)

    def token_requested(self, grant: str, outcome: str) -> None:
        """Login with Amazon was asked for a token."""
        self._tokens.labels(grant, outcome).inc()

    def report_seen(self, handler: str, report: str, state: str) -> None:
        """A report is in a state: counted when it comes to it."""
        before, _ = self._seen.pop((handler, report), ("", 0.0))
        if before != state:
            self._reports.labels(handler, state).inc()
        self._seen[handler, report] = (state, self._ticks())
        if len(self._seen) > _MOST_REPORTS:
            self._seen.popitem(last=False)

    def reports_waiting(self) -> Mapping[tuple[str, str], int]:
        """How many reports each handler waits for, by state; those looked at within ten minutes."""
        since = self._ticks() - _FORGOTTEN_AFTER
        tally: Tally[tuple[str, str]] = Tally()
        for (handler, _), (state, at) in self._seen.items():
            if state in _WAITING and at >= since:
                tally[handler, state] += 1
        return tally
