"""Which keys a table of the rules file may have: read from the JSON Schema of the type that validates it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError


def keys_at(adapter: TypeAdapter[Any], path: Sequence[str | int]) -> list[str]:
    """The keys of the table at a path; none where the type has no schema or does not say."""
    try:
        schema = adapter.json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return []
    tables = [schema]
    for part in path:
        tables = [inner for table in tables for inner in _inner(_branches(table, schema), part)] or tables
    found = [name for table in tables for branch in _branches(table, schema) for name in branch.get("properties", {})]
    return list(dict.fromkeys(found))


def _branches(node: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas that a node stands for: references followed, alternatives spread out."""
    if reference := node.get("$ref"):
        name = str(reference).rpartition("/")[2]
        return _branches(schema["$defs"][name], schema)
    choices = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    return [node, *(branch for choice in choices for branch in _branches(choice, schema))]


def _inner(branches: list[Mapping[str, Any]], part: str | int) -> list[dict[str, Any]]:
    """What the branches say of one key or index, where they say something."""
    if isinstance(part, int):
        found = [branch.get("items") for branch in branches]
    else:
        found = [branch.get("properties", {}).get(part, branch.get("additionalProperties")) for branch in branches]
    return [inner for inner in found if isinstance(inner, dict)]
