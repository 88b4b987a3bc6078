"""Finding the templates in a handler's settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from handlers.base import Structure, Template

KeyPath = tuple[str | int, ...]


def templates_in(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Template | Structure]]:
    """The templates of a model's fields, lists and tables, each with its place."""
    if isinstance(value, Template | Structure):
        yield path, value
        return
    inner: Any = ()
    if isinstance(value, BaseModel):
        inner = ((field.alias or name, getattr(value, name)) for name, field in type(value).model_fields.items())
    elif isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    for name, item in inner:
        yield from templates_in(item, (*path, name))
