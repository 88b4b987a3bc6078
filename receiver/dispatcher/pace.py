"""How far ahead a lane claims: as many deliveries as it will start within a moment, so that it never idles."""

HORIZON = 0.05
"""Seconds. What is claimed earlier than that could still be coalesced with a newer event."""

_LEAST_MOST = 192
_WEIGHT = 0.1


class Pace:
    """The mean duration of a lane's attempts."""

    __slots__ = ("_mean",)

    def __init__(self) -> None:
        self._mean: float | None = None

    def add(self, seconds: float) -> None:
        """Take an attempt's duration into the (exponentially weighted) mean."""
        seconds = max(seconds, 0.0)
        self._mean = seconds if self._mean is None else self._mean + _WEIGHT * (seconds - self._mean)

    def ahead(self, concurrency: int) -> int:
        """How many deliveries to hold beyond those that run: none for slow handlers, a bounded number for fast ones."""
        if self._mean is None:
            return 0
        return int(min(max(concurrency, _LEAST_MOST), concurrency * HORIZON / max(self._mean, 1e-6)))
