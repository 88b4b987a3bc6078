"""The faults of a soak and when they come, as shares of its time: kills early, so that the last life is long."""

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """What is done to the daemon and its surroundings."""

    KILL = "killed"
    """SIGKILL, and started again."""
    SINK = "sink fails"
    """The destination answers 503."""
    DISK = "disk pressure"
    """Another process writes and fsyncs on the same file system."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A trouble from one moment to another, in seconds of the soak."""

    trouble: Trouble
    start: float
    end: float


_SHARES = (
    (Trouble.KILL, 0.05, 0.05),
    (Trouble.SINK, 0.08, 0.11),
    (Trouble.KILL, 0.14, 0.14),
    (Trouble.DISK, 0.17, 0.20),
    (Trouble.KILL, 0.185, 0.185),
    (Trouble.SINK, 0.23, 0.26),
    (Trouble.KILL, 0.25, 0.25),
    (Trouble.KILL, 0.30, 0.30),
    (Trouble.SINK, 0.42, 0.45),
    (Trouble.DISK, 0.52, 0.55),
    (Trouble.SINK, 0.62, 0.65),
    (Trouble.DISK, 0.72, 0.75),
    (Trouble.SINK, 0.82, 0.85),
)
JUDGED = (0.37, 1.0)
"""The part of the soak in which flatness is judged: the last life, warmed up."""
_AFTERMATH = 0.02
"""How long the backlog of a fault may colour latencies."""


def spells(seconds: float) -> list[Spell]:
    """The troubles of a soak of so many seconds, in their order."""
    return [Spell(trouble, start * seconds, end * seconds) for trouble, start, end in _SHARES]


def is_quiet(plan: list[Spell], since: float, until: float, seconds: float) -> bool:
    """Whether no trouble was on, nor just over, between two moments of a soak of so many seconds."""
    return not any(each.start <= until and since <= each.end + _AFTERMATH * seconds for each in plan)
