"""One rule of the rules file, compiled and ready to match."""

from dataclasses import dataclass

from handlers.base import Template
from receiver.rules.pattern import Pattern


@dataclass(frozen=True, slots=True)
class OnceRule:
    """`once = { key, within }`: later deliveries of one key within `within` seconds are superseded."""

    key: Template
    within: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it matches and where that goes."""

    name: str
    pattern: Pattern | None
    """None matches everything."""
    handlers: tuple[str, ...]
    key: Template | None = None
    coalesce: float | None = None
    newest_only: bool = False
    once: OnceRule | None = None
    stop: bool = False
    enabled: bool = True
    description: str = ""
    line: int = 0
