"""What a rules file that is free of errors says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from handlers.base import Handler
from receiver.config.alerts import AlertSettings
from receiver.config.console import ConsoleSettings
from receiver.config.findings import Finding
from receiver.config.privacy import PrivacySettings
from receiver.config.settings import InboxSettings, LogSettings, ServerSettings, SnsSettings, SpapiSettings
from receiver.config.telemetry import TelemetrySettings
from receiver.dispatcher.settings import LaneSettings
from receiver.rules.rule import Rule

HandlerClass = type[Handler[Any]]


@dataclass(frozen=True, slots=True)
class HandlerSpec:
    """One `[handlers.NAME]` table."""

    name: str
    type: str
    options: LaneSettings
    """The keys that every handler has: concurrency, rate, timeout, retry, breaker, then."""
    settings: BaseModel
    """The keys of its type: an instance of `factory.Settings`."""
    factory: HandlerClass
    line: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """A checked rules file."""

    path: Path
    server: ServerSettings
    sns: SnsSettings
    inbox: InboxSettings
    spapi: SpapiSettings | None
    log: LogSettings
    handlers: Mapping[str, HandlerSpec]
    rules: tuple[Rule, ...]
    """In file order, disabled ones included."""
    warnings: tuple[Finding, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)
    telemetry: TelemetrySettings | None = None
    privacy: PrivacySettings | None = None
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
