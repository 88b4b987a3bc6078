"""Finding the templates in a handler's settings, and the fields that they read."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

KeyPath = tuple[str | int, ...]
Field = tuple[str, ...]


def fields_in(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Field]]:
    """The fields that templates in a model, its lists and tables read, each with the template's place.

    A template is what has `fields`, a tuple of paths: Template, Structure, and types that handlers build on them.
    """
    if isinstance(value, BaseModel):
        names = ((field.alias or name, getattr(value, name)) for name, field in type(value).model_fields.items())
        yield from _inside(names, path)
    elif isinstance(value, Mapping):
        yield from _inside(iter(value.items()), path)
    elif isinstance(value, list | tuple):
        yield from _inside(enumerate(value), path)
    else:
        fields = getattr(value, "fields", ())
        for field in fields if isinstance(fields, tuple) else ():
            yield path, field


def _inside(items: Iterator[tuple[Any, Any]], path: KeyPath) -> Iterator[tuple[KeyPath, Field]]:
    for name, item in items:
        yield from fields_in(item, (*path, name))
