"""Faults that the stand-in makes on purpose: `503:5%`, `slow:10%:2s`, `cut:1%`."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from handlers.base import Duration
from receiver.simulators.errors import SimulationError

_FAULT = re.compile(r"(?P<kind>[45]\d\d|slow|cut):(?P<share>\d+(?:\.\d+)?)%(?::(?P<time>\w+))?")
_SLOW = 2.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault and how often it comes."""

    kind: str
    """A status from 400 to 599, `slow` or `cut`."""
    share: float
    """0 to 1."""
    seconds: float = 0.0
    """How slow."""

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read `KIND:SHARE%`, for `slow` with `:DURATION`. Raises SimulationError."""
        match = _FAULT.fullmatch(text)
        if not match or float(match["share"]) > 100 or (match["time"] and match["kind"] != "slow"):
            raise SimulationError(f"{text!r} is not a fault: write 503:5%, slow:10%:2s or cut:1%")
        try:
            seconds = TypeAdapter[float](Duration).validate_python(match["time"]) if match["time"] else _SLOW
        except ValidationError:
            raise SimulationError(f"{text!r} is not a fault: {match['time']!r} is no time, write it like 2s") from None
        return cls(match["kind"], float(match["share"]) / 100, seconds if match["kind"] == "slow" else 0.0)


class Dice:
    """Decides which faults befall a request."""

    def __init__(self, faults: Sequence[Fault], seed: int | None) -> None:
        self._faults = faults
        self._random = random.Random(seed)  # noqa: S311 - no secret hangs on it

    def roll(self) -> list[Fault]:
        """The faults of the next request."""
        return [fault for fault in self._faults if self._random.random() < fault.share]
