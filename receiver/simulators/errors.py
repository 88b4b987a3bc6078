"""Errors of the simulators."""

from receiver.errors import RouterError


class SimulationError(RouterError):
    """A simulation cannot be set up or go on; the text says what to do."""


class NotConfirmed(SimulationError):
    """The receiver did not confirm the subscription in time, or a message was published before it did."""
