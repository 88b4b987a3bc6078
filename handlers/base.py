"""The contract between the dispatcher and a handler: what a delivery is, and how its handling can end."""

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.errors import HandlerError, SettingsError, TemplateError
from handlers.key_text import parse_key
from handlers.observer import Observer, Unobserved
from handlers.quantities import parse_duration
from handlers.template import Structure, Template
from handlers.unread import Unread, reads_document, unread

if TYPE_CHECKING:
    from handlers.handler import Handler
    from handlers.settings import (
        Duration,
        HandlerSettings,
        PositiveDuration,
        Rate,
        RelativePath,
        Secret,
        SecretError,
        Size,
    )

__all__ = [
    "Dead",
    "Delivery",
    "Done",
    "Duration",
    "Handler",
    "HandlerContext",
    "HandlerError",
    "HandlerSettings",
    "Observer",
    "Outcome",
    "PositiveDuration",
    "Postpone",
    "Rate",
    "RelativePath",
    "Request",
    "Retry",
    "Secret",
    "SecretError",
    "SettingsError",
    "Size",
    "Structure",
    "Template",
    "TemplateError",
    "Unobserved",
    "Unread",
    "parse_duration",
    "parse_key",
    "unread",
]


def __getattr__(name: str) -> Any:
    """What needs pydantic, once it is asked for: the process that writes the inbox does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module("handlers.handler" if name == "Handler" else "handlers.settings")
    return getattr(module, name)


@reads_document
@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one handler.

    `document` is what templates see: the notification's document, with `result` (the parsed answer of the handler
    before) where the delivery came through a chain. `body` is that answer's bytes in a chain, else None.
    Times are seconds since the epoch, UTC.
    """

    id: int
    webhook_id: str
    """Stable over attempts, restarts and replays of this delivery: what a receiver dedups by."""
    rule: str
    handler: str
    attempt: int
    """1 for the first attempt."""
    key: str | None
    event_time: float
    created_at: float
    document: Mapping[str, Any]
    body: bytes | None = None
    notification: int = 0
    """The notification's number in the inbox."""
    traceparent: str = ""
    """The attempt in its trace, for requests to carry (W3C Trace Context); empty where nothing is traced."""


@dataclass(frozen=True, slots=True)
class Done:
    """Handled for good. `result` is handed to the handlers named in `then`."""

    result: bytes | None = None
    status: int | None = None
    """HTTP status or exit code, where there is one."""
    detail: str = ""
    """One line for people: kept with the attempt."""
    response: bytes = b""
    """The bounded answer kept with the attempt, for people."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed for now: the dispatcher tries again by the handler's retry policy, no sooner than `after` seconds."""

    reason: str
    after: float | None = None
    status: int | None = None
    response: bytes = b""
    request_id: str = ""
    begun: bool = False
    """As that of Postpone."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Failed for good: trying again cannot help."""

    reason: str
    status: int | None = None
    response: bytes = b""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Postpone:
    """Not now: come back in `after` seconds. Spends no attempt (a rate limit or a poll, not a failure)."""

    reason: str
    after: float
    begun: bool = False
    """Something was begun elsewhere that this delivery alone can end: from now on no newer one supersedes it."""
    status: int | None = None
    """HTTP status, where one asks to come later: 429 raises `router.rate_limited`."""


Outcome = Done | Retry | Dead | Postpone


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler would do with a delivery, for `explain`. Secrets are already replaced by `***`."""

    summary: str
    """One line, e.g. `POST https://erp.example.com/hooks`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What the daemon lends to a handler."""

    name: str
    """The handler's name in the rules file."""
    log: logging.Logger
    clock: Callable[[], float]
    """Seconds since the epoch."""
    state_directory: Path
    """A directory that outlives restarts, the handler's to use under its own name."""
    services: Mapping[str, Any] = field(default_factory=dict)
    """Shared parts by name, e.g. `spapi`: the SP-API client."""
    emit: Callable[[str, Mapping[str, Any]], None] = lambda _type, _payload: None
    """Raise an internal notification of a `router.*` type."""
    observer: Observer = field(default_factory=Unobserved)
    """Is told of what no outcome says."""
