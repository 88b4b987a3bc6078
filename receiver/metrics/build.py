"""Which program this is: the `build_info` of Prometheus' conventions."""

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Gauge


def build_info(registry: CollectorRegistry) -> None:
    """Add a gauge that is always 1 and says in its labels what runs."""
    labels = {"version": _version(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    gauge = Gauge("spapi_router_build_info", "Always 1; the labels say what runs", list(labels), registry=registry)
    gauge.labels(**labels).set(1)


def _version() -> str:
    try:
        return version("spapi-router")
    except PackageNotFoundError:
        return "0"
