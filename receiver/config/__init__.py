"""The rules file: read, checked with all of its errors at once, and typed."""

from receiver.config.alerts import AlertSettings
from receiver.config.configuration import Configuration, HandlerSpec
from receiver.config.findings import Finding
from receiver.config.load import load
from receiver.config.settings import (
    Account,
    BasicAuth,
    Endpoints,
    InboxSettings,
    LogSettings,
    ServerSettings,
    Signer,
    SnsSettings,
    SpapiSettings,
    TlsSettings,
)
from receiver.config.telemetry import TelemetrySettings
from receiver.config.values import Listen

__all__ = [
    "Account",
    "AlertSettings",
    "BasicAuth",
    "Configuration",
    "Endpoints",
    "Finding",
    "HandlerSpec",
    "InboxSettings",
    "Listen",
    "LogSettings",
    "ServerSettings",
    "Signer",
    "SnsSettings",
    "SpapiSettings",
    "TelemetrySettings",
    "TlsSettings",
    "load",
]
