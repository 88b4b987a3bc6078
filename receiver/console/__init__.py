"""The console: pages on the admin listener for the people who look after a daemon."""

from receiver.console.opening import console_of

__all__ = ["console_of"]
