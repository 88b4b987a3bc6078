"""The JSON Schema of rules files, for editors that complete and validate TOML (Taplo, Even Better TOML)."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from handlers import registry
from receiver.attribute_docs import AttributeDocs
from receiver.config.handler_tables import OPTIONS
from receiver.config.load import SECTIONS
from receiver.config.rule_tables import RULE

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"), (0.001, "ms"))
_NAMED = ("properties", "$defs")


def rules_schema() -> dict[str, Any]:
    """The schema (draft 2020-12): one branch for each registered handler type."""
    adapters = {name: TypeAdapter[Any](kind) for name, kind in SECTIONS.items()}
    types = registry.names()
    classes = {f"handler {name}": TypeAdapter[Any](registry.find(name).Settings) for name in types}
    schemas, definitions = _all({**adapters, **classes, "options": OPTIONS, "rule": RULE})
    options = _options(schemas["options"], definitions)
    branches = [_handler(name, _resolved(schemas[f"handler {name}"], definitions), options) for name in types]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rules.toml of spapi-router",
        "type": "object",
        "properties": {
            **{name: schemas[name] for name in SECTIONS},
            "handlers": {
                "type": "object",
                "description": "what a delivery can do, by name",
                "additionalProperties": {"oneOf": [*branches, _own_class(options)]},
            },
            "rules": {
                "type": "array",
                "items": schemas["rule"],
                "description": "where notifications go, in this order",
            },
        },
        "required": ["sns"],
        "additionalProperties": False,
        "$defs": definitions,
    }
    _clean(schema)
    return schema


def _all(adapters: dict[str, TypeAdapter[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of each adapter, and the definitions that they share."""
    mode: JsonSchemaMode = "validation"
    inputs = [(name, mode, adapter) for name, adapter in adapters.items()]
    found, shared = TypeAdapter.json_schemas(inputs, schema_generator=AttributeDocs)
    return {name: schema for (name, _), schema in found.items()}, dict(shared.get("$defs", {}))


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = str(schema.get("$ref", ""))
    return dict(definitions[reference.rpartition("/")[2]]) if reference else schema


def _options(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The keys of every handler. `breaker = false` is not in the model, which has None for it."""
    keys = dict(_resolved(schema, definitions)["properties"])
    keys["breaker"] = {"anyOf": [*keys["breaker"].get("anyOf", ()), {"const": False}]}
    return keys


def _handler(name: str, settings: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """A handler's own keys and those of every handler, in one closed table."""
    return {
        "type": "object",
        "title": name,
        "description": settings.get("description", ""),
        "properties": {"type": {"const": name}, **settings.get("properties", {}), **options},
        "required": ["type", *settings.get("required", ())],
        "additionalProperties": False,
    }


def _own_class(options: dict[str, Any]) -> dict[str, Any]:
    """A handler of the user's own: its keys are its class's business."""
    kind = {"type": "string", "pattern": "^python:[^:]+:.", "description": "python:package.module:Class"}
    return {"type": "object", "title": "python:", "properties": {"type": kind, **options}, "required": ["type"]}


def _clean(schema: dict[str, Any]) -> None:
    """Defaults as they are written in the file, no null, which TOML has not, and no titles that repeat a key."""
    for node in _nodes(schema):
        for described in node.get("properties", {}).values():
            described.pop("title", None)
        _write_default(node)
        choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
        if len(choices) == 1:
            del node["anyOf"]
            node.update({**choices[0], **node})
        elif choices:
            node["anyOf"] = choices


def _write_default(node: dict[str, Any]) -> None:
    default = node.get("default")
    if isinstance(default, float) and any("pattern" in choice for choice in (node, *node.get("anyOf", ()))):
        node["default"] = _duration(default)
    elif default is None or not isinstance(default, str | int | float | bool):
        node.pop("default", None)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema. The keys of `properties` are names, not keywords."""
    if isinstance(schema, dict):
        yield schema
        inner = [part for key, part in schema.items() if key not in _NAMED]
        inner += [part for key in _NAMED for part in schema.get(key, {}).values()]
    else:
        inner = schema if isinstance(schema, list) else []
    for part in inner:
        yield from _nodes(part)


def _duration(seconds: float) -> str:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size and seconds % size == 0), _UNITS[-1])
    return f"{seconds / size:.0f}{unit}"
