"""What a check is, and what it finds."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from receiver.doctor.patient import Patient


class Verdict(StrEnum):
    """How one thing stands."""

    OK = "ok"
    SKIPPED = "skipped"
    """It could not be looked at; the detail says why."""
    WARNING = "warning"
    """Doubtful, and perhaps meant."""
    FINDING = "finding"
    """It stops something from working, or soon will."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a check. `cure` says what to do about a warning or a finding."""

    verdict: Verdict
    detail: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One cause to look for."""

    name: str
    run: Callable[[Patient], Awaitable[Sequence[Result]]]
    """At least one result. What it raises of RouterError, HandlerError and OSError becomes a finding."""
    network: bool = False
    """Whether it goes beyond this machine: left out with `--offline`."""
    seconds: float = 20.0
    """The most that it may take."""


def ok(detail: str) -> Result:
    """All is well."""
    return Result(Verdict.OK, detail)


def skipped(why: str) -> Result:
    """Not looked at."""
    return Result(Verdict.SKIPPED, why)


def warning(detail: str, cure: str) -> Result:
    """Doubtful."""
    return Result(Verdict.WARNING, detail, cure)


def finding(detail: str, cure: str) -> Result:
    """Wrong."""
    return Result(Verdict.FINDING, detail, cure)
