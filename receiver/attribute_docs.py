"""JSON Schemas that say of each field of a model what the docstring below it says.

Pydantic's `use_attribute_docstrings` does so too, and reads the source of every model for it when that is imported: a
tenth of the daemon's start, for schemas that hardly anybody asks for.
"""

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema


class Documented(BaseModel):
    """Base of models whose fields are described by their docstrings."""


class AttributeDocs(GenerateJsonSchema):
    """What pydantic generates, and the docstrings of those fields whose `Field` has no description."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """The schema of one model."""
        generated = super().model_schema(schema)
        model = schema["cls"]
        for name, text in docs_of(model).items():
            if name in generated.get("properties", {}) and model.model_fields[name].description is None:
                generated["properties"][name]["description"] = text
        return generated


def docs_of(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings of a model's fields, also of those that it inherits; none where its source is not at hand."""
    texts: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, Documented):
            texts |= _docs_in(owner)
    return texts


def _docs_in(owner: type[Documented]) -> dict[str, str]:
    try:
        source = inspect.getsource(owner)
    except OSError:
        return {}
    (found,) = ast.parse(textwrap.dedent(source)).body
    body = found.body if isinstance(found, ast.ClassDef) else []
    return {
        field.target.id: inspect.cleandoc(doc.value.value)
        for field, doc in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(doc, ast.Expr)
        and isinstance(doc.value, ast.Constant)
        and isinstance(doc.value.value, str)
    }
