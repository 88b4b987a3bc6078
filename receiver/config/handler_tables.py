"""The `[handlers.NAME]` tables: the class behind each type, its settings, and the chains between handlers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from handlers import registry
from handlers.base import Handler, SettingsError
from receiver.config.configuration import HandlerSpec
from receiver.config.source import Source
from receiver.config.suggest import did_you_mean
from receiver.config.wording import kind_of
from receiver.dispatcher.settings import LaneSettings

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
OPTIONS = TypeAdapter(LaneSettings)
_OPTION_KEYS = tuple(field.name for field in fields(LaneSettings))


def read_handlers(source: Source) -> dict[str, HandlerSpec]:
    """The handlers without errors of their own; the errors are reported."""
    tables = source.data.get("handlers", {})
    if not isinstance(tables, Mapping):
        source.report(("handlers",), f"must be tables like [handlers.erp], and is {kind_of(tables)}")
        return {}
    specs = (_read(source, name, table) for name, table in tables.items())
    found = {spec.name: spec for spec in specs if spec}
    _check_chains(source, tables)
    return found


def _read(source: Source, name: str, table: Any) -> HandlerSpec | None:
    path = ("handlers", name)
    if not _NAME.fullmatch(name):
        source.report(path, "a handler's name has 1 to 64 letters, digits and _ . -, and does not begin with . or -")
    if not isinstance(table, Mapping):
        source.report(path, f"must be a table, and is {kind_of(table)}: write [handlers.{name}] above its keys")
        return None
    factory = _factory(source, name, table)
    common, own = _parted(table, factory)
    options = source.validated(OPTIONS, common, path)
    for section in factory.needs if factory else ():
        if section not in source.data:
            source.report((*path, "type"), f'"{table["type"]}" needs a section [{section}], which is not in this file')
    if factory is None:
        return None
    settings = source.validated(TypeAdapter(factory.Settings), own, path, ["type", *_OPTION_KEYS])
    if options is None or settings is None:
        return None
    return HandlerSpec(name, table["type"], options, settings, factory, source.lines.of(path))


def _factory(source: Source, name: str, table: Mapping[str, Any]) -> type[Handler[Any]] | None:
    type_name = table.get("type")
    if type_name is None:
        known = ", ".join(registry.names())
        source.report(("handlers", name, "type"), f"is missing: one of {known}, or python:package.module:Class")
    elif not isinstance(type_name, str):
        source.report(("handlers", name, "type"), f"must be a text in quotes, and is {kind_of(type_name)}")
    else:
        try:
            return registry.find(type_name)
        except SettingsError as error:
            source.report(("handlers", name, "type"), str(error))
    return None


def _parted(table: Mapping[str, Any], factory: type[Handler[Any]] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys that every handler has, and those for the class; a key that both name goes to both."""
    taken = set(factory.Settings.model_fields) if factory else set()
    common = {key: value for key, value in table.items() if key in _OPTION_KEYS}
    own = {key: value for key, value in table.items() if key != "type" and (key not in _OPTION_KEYS or key in taken)}
    return common, own


def _check_chains(source: Source, tables: Mapping[str, Any]) -> None:
    """Refuse `then` that names no handler, or that comes back to where it began."""
    chains = {name: list(_followers(table)) for name, table in tables.items()}
    for name, followers in chains.items():
        for place, follower in enumerate(followers):
            path = ("handlers", name, "then", place)
            if follower not in tables:
                source.report(path, f'there is no handler "{follower}": {did_you_mean(follower, tables, "there are")}')
            elif follower in followers[:place]:
                source.report(path, f'"{follower}" is named twice')
    for cycle in _cycles(chains):
        way = " -> ".join([*cycle, cycle[0]])
        source.report(
            ("handlers", cycle[-1], "then"), f"the chain never ends: {way}; take one of these out of its `then`"
        )


def _followers(table: Any) -> Iterator[str]:
    then = table.get("then") if isinstance(table, Mapping) else None
    return (name for name in then if isinstance(name, str)) if isinstance(then, list) else iter(())


def _cycles(chains: Mapping[str, list[str]]) -> list[list[str]]:
    """Each cycle once, from the handler in it that stands first in the file."""
    order = {name: place for place, name in enumerate(chains)}
    found: list[list[str]] = []
    for start in chains:
        ways = [[start]]
        seen = {start}
        while ways:
            way = ways.pop()
            for name in chains[way[-1]]:
                if name == start:
                    found.append(way)
                    ways.clear()
                    break
                if name in order and order[name] > order[start] and name not in seen:
                    seen.add(name)
                    ways.append([*way, name])
    return found
