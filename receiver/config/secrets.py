"""Which secrets a rules file names, and under which keys."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from handlers.base import Secret
from receiver.config.configuration import Configuration
from receiver.config.findings import key_path
from receiver.config.source import KeyPath


def secrets_of(config: Configuration) -> Iterator[tuple[str, Secret]]:
    """Each secret with its key as people write it (`handlers.erp.secret`), in the order of sections and handlers."""
    for name in ("server", "sns", "inbox", "privacy", "console", "spapi", "telemetry"):
        yield from _found(getattr(config, name), (name,))
    for name, spec in config.handlers.items():
        yield from _found(spec.settings, ("handlers", name))


def _found(value: Any, path: KeyPath) -> Iterator[tuple[str, Secret]]:
    if isinstance(value, Secret):
        yield key_path(path), value
        return
    for name, inner in _inside(value):
        yield from _found(inner, (*path, name))


def _inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, BaseModel):
        yield from ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        yield from ((str(name), inner) for name, inner in value.items())
    elif isinstance(value, tuple | list):
        yield from enumerate(value)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
