"""Docstrings below fields, in JSON Schemas."""

from typing import Annotated

from pydantic import Field, TypeAdapter, create_model

from receiver.attribute_docs import AttributeDocs, Documented, docs_of


class _Base(Documented):
    size: int = 0
    """How large
    it is."""
    colour: str = "red"
    """Overridden below."""
    bare: int = 1


class _Thing(_Base):
    colour: str = "blue"
    """What it looks like."""
    said: Annotated[int, Field(description="said by its field")] = 2
    """Said by its docstring."""


def test_fields_have_their_docstrings_inherited_ones_too() -> None:
    schema = TypeAdapter(_Thing).json_schema(schema_generator=AttributeDocs)
    described = {name: field.get("description") for name, field in schema["properties"].items()}
    assert described == {
        "size": "How large\nit is.",
        "colour": "What it looks like.",
        "bare": None,
        "said": "said by its field",
    }


def test_a_model_whose_source_is_not_at_hand_has_none() -> None:
    assert docs_of(create_model("Made", __base__=Documented, size=(int, 0))) == {}
