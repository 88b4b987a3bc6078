"""An observer that is two: the daemon's metrics and its traces."""

from receiver.dispatcher.outcomes import Ended
from receiver.metrics import Metrics
from receiver.telemetry.tracing import Tracing


class Pair:
    """Tells both. The observer of dispatcher and handlers."""

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        self._metrics = metrics
        self._tracing = tracing

    def attempt_finished(self, handler: str, outcome: str, seconds: float) -> None:
        """An attempt ended."""
        self._metrics.attempt_finished(handler, outcome, seconds)

    def delivery_final(self, handler: str, state: str, since_received: float) -> None:
        """A delivery ended for good."""
        self._metrics.delivery_final(handler, state, since_received)

    def delivery_recorded(self, ended: Ended) -> None:
        """The same, with all that is known of the delivery."""
        self._tracing.delivery_recorded(ended)

    def spapi_called(self, operation: str, status: str, seconds: float, request_id: str) -> None:
        """A call to SP-API ended."""
        self._metrics.handlers.spapi_called(operation, status, seconds, request_id)
        self._tracing.spapi_called(operation, status, seconds, request_id)

    def token_requested(self, grant: str, outcome: str) -> None:
        """Login with Amazon was asked for a token."""
        self._metrics.handlers.token_requested(grant, outcome)

    def report_seen(self, handler: str, report: str, state: str) -> None:
        """A document is in a state."""
        self._metrics.handlers.report_seen(handler, report, state)
