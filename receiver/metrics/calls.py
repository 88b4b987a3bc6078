"""What handlers tell of themselves: calls to SP-API, tokens, reports. The `handlers.base.Observer` of a daemon."""

import time
from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram

from receiver.metrics.children import Children

_CALL_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_MOST_REPORTS = 1000
_FORGOTTEN_AFTER = 600.0
_WAITING = frozenset({"IN_QUEUE", "IN_PROGRESS"})


class HandlerMetrics:
    """Counts, and remembers which reports are waited for. Used from the event loop."""

    def __init__(self, registry: CollectorRegistry, ticks: Callable[[], float] = time.monotonic) -> None:
        """`ticks` is a monotonic clock in seconds."""
        self._ticks = ticks
        self._calls = Children(
            Counter(
                "spapi_router_spapi_calls",
                "Calls to SP-API, by operation and status of the answer",
                ["operation", "status"],
                registry=registry,
            ),
            most=2000,
        )
        self._seconds = Children(
            Histogram(
                "spapi_router_spapi_call_seconds",
                "Duration of calls to SP-API, without the wait for the usage plan",
                ["operation"],
                buckets=_CALL_BUCKETS,
                registry=registry,
            )
        )
        self._tokens = Children(
            Counter(
                "spapi_router_token_requests",
                "Tokens asked of Login with Amazon, by grant and outcome",
                ["grant", "outcome"],
                registry=registry,
            )
        )
        self._reports = Children(
            Counter(
                "spapi_router_reports",
                "Documents of reports, feeds and queries that came to a state, by handler",
                ["handler", "state"],
                registry=registry,
            )
        )
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
