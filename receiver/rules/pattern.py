"""Event patterns with the semantics of Amazon EventBridge."""

from collections.abc import Mapping
from typing import Any


class PatternError(ValueError):
    """A pattern is invalid; the text names the path inside it."""


class Pattern:
    """A compiled event pattern."""

    @classmethod
    def parse(cls, source: Mapping[str, Any]) -> "Pattern":
        """Raises PatternError."""
        raise NotImplementedError

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the event fulfils every condition."""
        raise NotImplementedError
