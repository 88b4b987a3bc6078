"""Who is told of what handlers do beyond their outcomes: calls to SP-API, tokens, reports."""

from typing import Protocol


class Observer(Protocol):
    """Called from the event loop, so it must be quick and must not raise. Times are seconds."""

    def spapi_called(self, operation: str, status: str, seconds: float, request_id: str) -> None:
        """A call to SP-API ended; `status` is that of the answer, or `unreachable`."""

    def token_requested(self, grant: str, outcome: str) -> None:
        """Login with Amazon was asked for a token; `outcome` is `ok`, OAuth's code of an error, or `unreachable`."""

    def report_seen(self, handler: str, report: str, state: str) -> None:
        """The document that a delivery waits for is in a state, as Amazon names it. Said again as long as it waits."""


class Unobserved:
    """An observer that does not look."""

    def spapi_called(self, operation: str, status: str, seconds: float, request_id: str) -> None:
        """Nothing."""

    def token_requested(self, grant: str, outcome: str) -> None:
        """Nothing."""

    def report_seen(self, handler: str, report: str, state: str) -> None:
        """Nothing."""
