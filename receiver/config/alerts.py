"""`[alerts]`: when the daemon raises `router.alert.*` notifications of itself."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from handlers.base import Duration, PositiveDuration
from receiver.config.settings import DAY, Section

_MINUTE = 60.0
_HOUR = 3600.0


def _off(value: Any) -> Any:
    return None if value is False else value


_SPAN = {"anyOf": [{"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"}, {"const": False}]}
_SHARE = {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"const": False}]}

Share = Annotated[
    Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(_off), WithJsonSchema(_SHARE | {"examples": [0.05]})
]
"""A part of the whole, or false for no alert."""
Limit = Annotated[PositiveDuration | None, BeforeValidator(_off), WithJsonSchema(_SPAN | {"examples": ["15m"]})]
"""A duration, or false for no alert."""


class AlertSettings(Section):
    """`[alerts]`: thresholds; false switches an alert off. What is raised is routed where a rule asks for its type."""

    failure_rate: Share = 0.05
    """Of a handler's attempts: the share that failed."""
    failure_window: PositiveDuration = 15 * _MINUTE
    """The time over which the share is taken."""
    failure_attempts: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Fewer attempts within the window say nothing."""
    usage_plan: Share = 0.8
    """Of an SP-API usage plan: the share used in the last five minutes."""
    oldest_delivery: Limit = 15 * _MINUTE
    """How old a delivery may become before it ends."""
    breaker_open: bool = True
    """A handler's breaker keeps its deliveries waiting."""
    subscription_pending: bool = True
    """A subscription was not confirmed."""
    certificate_ends: Limit = 21 * DAY
    """How long before the end of the listener's certificate."""
    client_secret_ends: Limit = 30 * DAY
    """How long before the end of the client secret, which `spapi.client_secret_expires` tells."""
    no_notification: Limit = 6 * _HOUR
    """How long Amazon may be silent."""
    calm: Duration = 5 * _MINUTE
    """How long a value must stay below three quarters of its threshold before the alert is cleared."""
    again: PositiveDuration = 12 * _HOUR
    """After how long an alert that stands is raised again."""
