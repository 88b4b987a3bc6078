"""What a set-up can be refused for."""

from receiver.errors import RouterError


class SetupError(RouterError):
    """A set-up that cannot work, or that another one stands in the way of; the text says what to do."""
