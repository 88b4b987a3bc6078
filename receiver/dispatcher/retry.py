"""When a failed delivery is tried again, and when it is given up."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from handlers.base import Duration

DAY = 86400.0
_MOST_EXPONENT = 64
_UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))

Draw = Callable[[], float]
"""A random number in [0, 1)."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter, bounded in attempts and in age.

    The wait after attempt n is drawn evenly from 0 to min(`most`, `first` * `factor` ** (n - 1)) seconds ("full
    jitter" of the AWS Architecture Blog, Exponential Backoff And Jitter). The defaults span 40 hours on average, and
    a day but for one delivery in a hundred.
    """

    attempts: Annotated[int, Field(ge=1, le=1000)] = 20
    """Attempts in all, the first one included."""
    first: Duration = 5.0
    most: Duration = 6 * 3600.0
    factor: Annotated[float, Field(ge=1, le=100)] = 4.0
    age: Duration | None = None
    """Seconds since its creation after which a delivery is not tried again, None for no limit."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if self.first > self.most:
            raise ValueError(f"first ({span(self.first)}) is longer than most ({span(self.most)}): raise most")

    def ceiling(self, attempt: int) -> float:
        """The longest wait after attempt number `attempt`, in seconds."""
        return float(min(self.most, self.first * self.factor ** min(attempt - 1, _MOST_EXPONENT)))

    def wait(self, attempt: int, draw: Draw, after: float | None = None) -> float:
        """Seconds to wait after a failed attempt.

        `after` is the least that the destination asked for (Retry-After, RFC 9110 section 10.2.3), taken up to a day.
        """
        return max(draw() * self.ceiling(attempt), bounded(after or 0.0, 0.0, DAY))

    def too_old(self, created_at: float, due_at: float) -> bool:
        """Whether a delivery due again at `due_at` would then be past its age."""
        return self.age is not None and due_at > created_at + self.age


def bounded(seconds: float, least: float, most: float) -> float:
    """A number of seconds within limits, whatever a handler gave: not a number counts as the least."""
    return min(max(least, seconds), most) if not math.isnan(seconds) else least


def span(seconds: float) -> str:
    """A duration for people: `5 d`, `25 h`, `3 min`, `0.2 s`."""
    if seconds >= 3 * DAY:
        return f"{seconds / DAY:.0f} d"
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0.0):.1g} s"
