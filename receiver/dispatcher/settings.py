"""What the rules file says of every handler, whatever its type: how many at once, how fast, how often again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field

from handlers.base import Handler, PositiveDuration, Rate
from receiver.dispatcher.breaker import BreakerPolicy
from receiver.dispatcher.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """The common keys of a `[handlers.NAME]` table. Durations are seconds, rates deliveries a second.

    Made by hand or by pydantic (`TypeAdapter(LaneSettings)`), which takes the texts of the rules file.
    """

    concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    """Deliveries that run at the same time."""
    timeout: PositiveDuration = 30.0
    """Seconds that one attempt may take in all."""
    rate: Rate | None = None
    burst: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Starts at once that `rate` allows, one second's worth where it is None."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: Annotated[BreakerPolicy | None, BeforeValidator(lambda value: None if value is False else value)] = field(
        default_factory=BreakerPolicy
    )
    """None (`breaker = false`) for a handler that has no destination to protect."""
    then: tuple[str, ...] = ()
    """Handlers that get the result of this one."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if self.burst is not None and self.rate is None:
            raise ValueError('burst needs a rate: add one, like rate = "20/s"')


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One handler of the rules file, ready to be started."""

    handler: Handler[Any]
    settings: LaneSettings = field(default_factory=LaneSettings)


Lanes = Mapping[str, LaneSpec]
