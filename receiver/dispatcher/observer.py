"""Who is told how deliveries go: metrics, a console."""

from typing import Protocol

from receiver.dispatcher.outcomes import Ended


class Observer(Protocol):
    """Called from the event loop, so it must be quick and must not raise. Times are seconds."""

    def attempt_finished(self, handler: str, outcome: str, seconds: float) -> None:
        """An attempt ended; `outcome` is `done`, `retry`, `dead` or `postponed`."""

    def delivery_final(self, handler: str, state: str, since_received: float) -> None:
        """A delivery ended for good, which is on disk, `since_received` seconds after it was made."""

    def delivery_recorded(self, ended: Ended) -> None:
        """The same, with all that is known of the delivery."""


class Unobserved:
    """An observer that does not look."""

    def attempt_finished(self, handler: str, outcome: str, seconds: float) -> None:
        """Nothing."""

    def delivery_final(self, handler: str, state: str, since_received: float) -> None:
        """Nothing."""

    def delivery_recorded(self, ended: Ended) -> None:
        """Nothing."""
