"""The OpenAPI document, made from the operations and their models (OpenAPI Specification 3.1.1)."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from receiver import __version__
from receiver.api.model import Asked
from receiver.api.operation import Operation
from receiver.api.problems import Problem
from receiver.attribute_docs import AttributeDocs

_SCHEMAS = "#/components/schemas/"
_PROBLEM = {"application/problem+json": {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
_WAIT = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
_CHALLENGE = {"WWW-Authenticate": {"description": "Bearer (RFC 6750).", "schema": {"type": "string"}}}
_FAILURES: dict[str, tuple[str, dict[str, Any]]] = {
    "400": ("The body is not JSON, or broke off.", {}),
    "401": ("The token is missing or wrong.", _CHALLENGE),
    "403": ("Nobody can log in yet, or the request was sent by a page of another site.", {}),
    "404": ("There is no such thing, or no more.", {}),
    "413": ("The body is larger than 1 MiB.", {}),
    "415": ("The body is not sent as application/json.", {}),
    "421": ("The listener was reached under a name that console.hosts does not have.", {}),
    "422": ("A parameter or the body is not what is described here.", {}),
    "503": ("The inbox cannot work now.", _WAIT),
}
_ALWAYS = ("401", "403", "421", "422", "503")
_ABOUT = (
    "What was received, what became of it, and how to repair it. Errors are problem documents (RFC 9457). Listings are "
    "newest first; the `next` of a page is the `cursor` of the one behind it. An account of the rules file's token and "
    "of further ways to log in is in docs/api.md."
)


def document(operations: Iterable[Operation], prefix: str) -> dict[str, Any]:
    """The document of an API that lies below a path."""
    known = tuple(operations)
    parameters, schemas = _schemas(known)
    paths: dict[str, dict[str, Any]] = {}
    for operation in known:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, parameters)
    return {
        "openapi": "3.1.1",
        "info": {"title": "spapi-router", "version": __version__, "description": _ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": prefix}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in known)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                f"Problem{status}": {"description": text, "content": _PROBLEM}
                | ({"headers": headers} if headers else {})
                for status, (text, headers) in _FAILURES.items()
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "console.token of the rules file"}
            },
        },
    }


def _schemas(operations: Iterable[Operation]) -> tuple[dict[type[BaseModel], dict[str, Any]], dict[str, Any]]:
    """The schemas of what is asked in queries and paths, by model; those of bodies and answers, by name."""
    asked = {model for each in operations for model in (each.query, each.path_model) if model}
    bodies = {each.body for each in operations if each.body} | {Problem}
    inputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in asked | bodies]
    outputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [(each.answer, "serialization") for each in operations]
    _, found = models_json_schema(
        sorted({*inputs, *outputs}, key=lambda pair: pair[0].__name__),
        ref_template=_SCHEMAS + "{model}",
        schema_generator=AttributeDocs,
    )
    schemas = dict(found["$defs"])
    return {model: schemas.pop(model.__name__) for model in asked}, schemas


def _operation(operation: Operation, schemas: dict[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    answer = {"application/json": {"schema": {"$ref": _SCHEMAS + operation.answer.__name__}}}
    answers = {"200": {"description": "Done.", "content": answer}}
    if operation.later:
        answers["202"] = {"description": "Begun, and going on in the background.", "content": answer}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _parameters(operation, schemas),
        "responses": answers
        | {status: {"$ref": f"#/components/responses/Problem{status}"} for status in _failures(operation)},
    }
    if operation.has_body:
        schema = operation.raw_body or {"$ref": _SCHEMAS + (operation.body or Asked).__name__}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _failures(operation: Operation) -> list[str]:
    of_body = ("400", "413", "415") if operation.has_body else ()
    of_path = ("404",) if operation.path_model else ()
    return sorted({*_ALWAYS, *of_body, *of_path})


def _parameters(operation: Operation, schemas: dict[type[BaseModel], dict[str, Any]]) -> list[dict[str, Any]]:
    of_path = _described(schemas[operation.path_model], "path") if operation.path_model else []
    return of_path + _described(schemas[operation.query], "query")


def _described(schema: dict[str, Any], place: str) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": place,
            "required": name in required,
            "schema": _without_null(
                {key: value for key, value in field.items() if key not in {"title", "description"}}
            ),
        }
        | ({"description": field["description"]} if "description" in field else {})
        for name, field in schema.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: absent it may be, but a query has no null."""
    choices: list[dict[str, Any]] = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    if len(choices) == 1:
        return choices[0] | rest
    return rest | ({"anyOf": choices} if choices else {})
