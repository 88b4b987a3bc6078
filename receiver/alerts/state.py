"""One alert's way between raised and cleared: with hysteresis, so that a value at the threshold makes no storm. Pure.

A value reaches its threshold: raised. It then has to stay below three quarters of that for a time before the alert is
cleared, and an alert that was cleared is not raised again sooner than that time after it was raised.
"""

import math
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

_LOWER = 0.75


class Change(StrEnum):
    """What is to be told."""

    RAISED = "raised"
    STANDING = "standing"
    """Raised before, and told again because it has stood for long."""
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """How an alert is raised and cleared. Times in seconds."""

    threshold: float
    calm: float
    """How long the value has to stay below `lower`, and how long an alert is not raised a second time."""
    again: float
    """How long a raised alert stands before it is told again."""

    @property
    def lower(self) -> float:
        """Below this a raised alert begins to calm down: three quarters of the threshold; further off if negative."""
        return self.threshold * (_LOWER if self.threshold >= 0 else 1 / _LOWER)


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where one alert stands. Times are seconds since the epoch."""

    raised: bool = False
    since: float = 0.0
    """When it was raised, or cleared, last."""
    told: float = -math.inf
    """When it was told last that it is raised."""
    calm_since: float | None = None
    """Since when the value of a raised alert has been below the lower threshold."""

    def step(self, value: float | None, now: float, by: Hysteresis) -> tuple["AlertState", Change | None]:
        """The state after a look at a value (None: it is not known, which changes nothing), and what is to be told."""
        if value is None:
            return self, None
        state = self._earlier_than(now)
        return state._step_raised(value, now, by) if state.raised else state._step_cleared(value, now, by)

    def encode(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"told": None if math.isinf(self.told) else self.told}

    @classmethod
    def decode(cls, fields: Any) -> "AlertState":
        """The state of `encode`. Raises ValueError."""
        try:
            told, calm = fields["told"], fields["calm_since"]
            return cls(
                fields["raised"] is True,
                float(fields["since"]),
                -math.inf if told is None else float(told),
                None if calm is None else float(calm),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an alert's state: {error!r}") from None

    def _earlier_than(self, now: float) -> "AlertState":
        """The state without times that are to come: the clock was set back."""
        calm = None if self.calm_since is None else min(self.calm_since, now)
        return replace(self, since=min(self.since, now), told=min(self.told, now), calm_since=calm)

    def _step_cleared(self, value: float, now: float, by: Hysteresis) -> tuple["AlertState", Change | None]:
        if value < by.threshold or now - self.told < by.calm:
            return self, None
        return AlertState(raised=True, since=now, told=now), Change.RAISED

    def _step_raised(self, value: float, now: float, by: Hysteresis) -> tuple["AlertState", Change | None]:
        if value >= by.lower:
            state = replace(self, calm_since=None)
            if now - self.told < by.again:
                return state, None
            return replace(state, told=now), Change.STANDING
        calm_since = now if self.calm_since is None else self.calm_since
        if now - calm_since < by.calm:
            return replace(self, calm_since=calm_since), None
        return AlertState(raised=False, since=now, told=self.told), Change.CLEARED
