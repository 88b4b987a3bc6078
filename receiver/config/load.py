"""Reading a rules file: all of its errors at once, or a Configuration with the warnings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from receiver.config.advice import advise
from receiver.config.alerts import AlertSettings
from receiver.config.configuration import Configuration
from receiver.config.console import ConsoleSettings
from receiver.config.handler_tables import read_handlers
from receiver.config.privacy import PrivacySettings
from receiver.config.privacy_advice import advise_on_privacy
from receiver.config.rule_tables import read_rules
from receiver.config.settings import (
    InboxSettings,
    LogSettings,
    Section,
    ServerSettings,
    SnsSettings,
    SpapiSettings,
)
from receiver.config.source import Source
from receiver.config.suggest import did_you_mean
from receiver.config.telemetry import TelemetrySettings
from receiver.config.wording import kind_of

SECTIONS: Mapping[str, type[Section]] = {
    "server": ServerSettings,
    "sns": SnsSettings,
    "inbox": InboxSettings,
    "spapi": SpapiSettings,
    "log": LogSettings,
    "alerts": AlertSettings,
    "telemetry": TelemetrySettings,
    "privacy": PrivacySettings,
    "console": ConsoleSettings,
}
TABLES = (*SECTIONS, "handlers", "rules")

S = TypeVar("S", bound=Section)


def load(path: Path) -> Configuration:
    """Read and check a rules file. Raises ConfigError with every error that is in it."""
    source = Source(path)
    for name in source.data:
        if name not in TABLES:
            source.report((name,), f"there is no such section: {did_you_mean(name, TABLES, 'the sections are')}")
    server = _section(source, "server", ServerSettings)
    sns = _section(source, "sns", SnsSettings)
    inbox = _section(source, "inbox", InboxSettings)
    spapi = _section(source, "spapi", SpapiSettings) if "spapi" in source.data else None
    log = _section(source, "log", LogSettings)
    alerts = _section(source, "alerts", AlertSettings)
    console = _section(source, "console", ConsoleSettings)
    telemetry = _section(source, "telemetry", TelemetrySettings) if "telemetry" in source.data else None
    privacy = _section(source, "privacy", PrivacySettings) if "privacy" in source.data else None
    if sns and inbox and inbox.retention < sns.max_age:
        source.report(("inbox", "retention"), "is shorter than sns.max_age: a message could then enter a second time")
    if server and spapi and spapi.callback_path == server.path:
        source.report(("spapi", "redirect_uri"), "has the path of server.path, where pushes arrive: give it another")
    handlers = read_handlers(source)
    rules = read_rules(source)
    source.raise_errors()
    if not (server and sns and inbox and log and alerts and console):
        raise AssertionError("a section without a finding and without a value")
    advise(source, server, sns, handlers, rules)
    advise_on_privacy(source, privacy, inbox, handlers, rules)
    warnings = tuple(sorted(source.findings, key=lambda finding: finding.line))
    return Configuration(
        path, server, sns, inbox, spapi, log, handlers, rules, warnings, alerts, telemetry, privacy, console
    )


def _section(source: Source, name: str, kind: type[S]) -> S | None:
    table = source.data.get(name, {})
    if not isinstance(table, Mapping):
        source.report((name,), f"must be a table, and is {kind_of(table)}: write [{name}] above its keys")
        return None
    return source.validated(TypeAdapter(kind), table, (name,))
