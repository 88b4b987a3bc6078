"""How the sellers that a lane serves fared lately: that one of them fails says little of a destination of many."""

from collections.abc import Container

_LATELY = 3600.0
_MOST = 1000
"""Sellers that are remembered: those who were served last."""


class Sellers:
    """The last result of each seller. Deliveries that name none count as those of one. Times are of one clock."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, bool]] = {}

    def add(self, seller: str, now: float, failed: bool) -> None:
        """Note how a delivery of a seller ended."""
        self._last.pop(seller, None)
        self._last[seller] = now, failed
        if len(self._last) > _MOST:
            del self._last[next(iter(self._last))]

    def are_failing(self, ratio: float, since: float, now: float) -> bool:
        """Whether the last delivery failed for so many of those served since then, and not for one among others."""
        recent = {seller: failed for seller, (at, failed) in self._last.items() if since <= at <= now}
        failing = [seller for seller, failed in recent.items() if failed]
        if len(failing) == 1 and not self._is_alone(failing[0], now):
            return False
        return len(failing) >= ratio * len(recent)

    def has_others(self, sellers: Container[str]) -> bool:
        """Whether any but these is remembered."""
        return any(name not in sellers for name in self._last)

    def forgive(self) -> None:
        """The destination is back: what failed before says nothing any more."""
        self._last = {seller: (at, False) for seller, (at, _) in self._last.items()}

    def _is_alone(self, seller: str, now: float) -> bool:
        """Whether the last hour knows of no other one. Times to come are of a clock that was set back."""
        return not any(name != seller and now - _LATELY <= at <= now for name, (at, _) in self._last.items())
