"""A file path with templates in it that no notification can lead out of its directory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from handlers.base import Template, TemplateError
from handlers.settings import in_directory

_UNSAFE = re.compile(r"[^\w.,:;=@+-]")
_SLASH = re.compile(r"\{[^{}]*/")
_LONGEST_VALUE = 100
_LONGEST_NAME = 240
"""Bytes. File systems take 255; a rotated file's number needs some."""


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path such as `/var/log/spapi/{seller_id}/{type}.jsonl`. Also a type for handler settings.

    What a field gives becomes part of one name: characters other than letters, digits and `.,:;=@+-_` turn into `_`,
    a name that starts with a field does not start with a dot, and no name with a field is `..`.
    """

    source: str
    _names: tuple[Template, ...]
    _root: Path

    @classmethod
    def parse(cls, source: str, root: Path) -> "FilePath":
        """A relative path is seen from `root`. Raises TemplateError."""
        names = tuple(Template.parse(name) for name in source.split("/") if name)
        if not names or source.endswith("/"):
            raise TemplateError("the path must end in the name of a file")
        return cls(source, names, Path("/") if source.startswith("/") else root)

    @property
    def fields(self) -> tuple[tuple[str, ...], ...]:
        """The paths that its templates read."""
        return tuple(field for name in self._names for field in name.fields)

    @property
    def is_fixed(self) -> bool:
        """Whether all notifications go to the same file."""
        return not self.fields

    def path(self, document: Mapping[str, Any]) -> Path:
        """The file of a notification. Raises TemplateError."""
        return self._root.joinpath(*(_name(template, document) for template in self._names))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(_validated)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "description": "a path, in whose names {path} fields may stand"}


def _name(template: Template, document: Mapping[str, Any]) -> str:
    name = template.text(document, _escaped)
    if not template.fields:
        return name
    name = name.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")
    if name in {"", ".", ".."}:
        return "_"
    return "_" + name[1:] if name.startswith(".") and not template.source.startswith(".") else name


def _escaped(value: str) -> str:
    return _UNSAFE.sub("_", value)[:_LONGEST_VALUE]


def _validated(value: Any, info: ValidationInfo) -> FilePath:
    if isinstance(value, FilePath):
        return value
    if not isinstance(value, str):
        raise ValueError("a path is expected, in whose names {path} may stand for a field of the notification")
    try:
        return FilePath.parse(value, in_directory(Path(), info))
    except TemplateError as error:
        raise ValueError(f"{error} (a field holds no slash)" if _SLASH.search(value) else str(error)) from None
