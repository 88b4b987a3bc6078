"""Templates of the rules file: text with `{path}` fields taken from a notification's document.

`{payload.a.b}` is the value at that path; `{payload.items.0.sku}` an element of a list; `{attributes."a b"}` a name
with other characters; `{{` and `}}` are braces. A filter follows a bar: `{seller_id|default=unknown}`,
`{event_time|shift=-24h}`. A template that is one field and nothing else renders the value with its JSON type; any
other renders text, in which a list or an object is compact JSON. What a value holds is never read as a template
again. A field that is missing or null is an error, never an empty string.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from handlers.errors import TemplateError
from handlers.field import Field, parse_field
from handlers.json_text import slowly

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. `fields` names the paths it reads. Also a type for handler settings: `url: Template`."""

    source: str
    fields: tuple[tuple[str, ...], ...] = ()
    _parts: tuple[str | Field, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def parse(cls, source: str) -> "Template":
        """Raises TemplateError with the place and the cure."""
        try:
            parts = tuple(_join_texts(_parse(source)))
        except TemplateError as error:
            shown = source if len(source) <= _MOST_SHOWN else source[: _MOST_SHOWN - 1] + "…"
            raise TemplateError(f"template {json.dumps(shown, ensure_ascii=False)}: {error}") from None
        return cls(source, tuple(part.path for part in parts if isinstance(part, Field)), parts)

    def text(self, document: Mapping[str, Any], escape: Callable[[str], str] | None = None) -> str:
        """The rendered text. `escape` is applied to what each field gives, e.g. to quote it for a URL.

        Raises TemplateError naming the field that is missing.
        """
        texts = [part if isinstance(part, str) else _text(part.value(document, True), escape) for part in self._parts]
        return texts[0] if len(texts) == 1 else "".join(texts)

    def value(self, document: Mapping[str, Any]) -> Any:
        """The rendered value: typed where the template is a single field. Raises TemplateError."""
        parts = self._parts
        if len(parts) == 1 and isinstance(parts[0], Field):
            return parts[0].value(document)
        return self.text(document)

    @property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """The paths without which rendering fails: those of `fields` that have no default."""
        return tuple(part.path for part in self._parts if isinstance(part, Field) and not part.optional)

    def __str__(self) -> str:
        return self.source

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: "GetCoreSchemaHandler") -> "CoreSchema":
        return _schema_of(_validated)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: "CoreSchema", _handler: Any) -> dict[str, Any]:
        return {"type": "string", "description": "text with {path} fields of the notification"}


@dataclass(frozen=True, slots=True)
class Structure:
    """A JSON-like structure whose strings are templates, parsed once. Also a type for handler settings."""

    source: Any
    _node: Any = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, source: Any) -> "Structure":
        """Names of objects are left as they are. Raises TemplateError with the path to the template that is wrong."""
        return cls(source, _compile(source, ""))

    @property
    def fields(self) -> tuple[tuple[str, ...], ...]:
        """The paths that its templates read."""
        return tuple(path for template in _templates(self._node) for path in template.fields)

    def render(self, document: Mapping[str, Any]) -> Any:
        """A copy with every template rendered. Raises TemplateError."""
        return _render(self._node, document)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: "GetCoreSchemaHandler") -> "CoreSchema":
        return _schema_of(_validated_structure)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: "CoreSchema", _handler: Any) -> dict[str, Any]:
        return {"description": "a value whose texts may hold {path} fields of the notification"}


def render(structure: Any, document: Mapping[str, Any]) -> Any:
    """A copy of a JSON-like structure with every string in it rendered as a template. Raises TemplateError.

    Names of objects are left as they are. For a structure rendered more than once, `Structure.parse` it.
    """
    return Structure.parse(structure).render(document)


def _parse(source: str) -> Iterator[str | Field]:
    place = 0
    while place < len(source):
        character = source[place]
        if source[place : place + 2] in {"{{", "}}"}:
            yield character
            place += 2
        elif character == "{":
            parsed, place = parse_field(source, place + 1)
            yield parsed
        elif character == "}":
            _stray_brace(place)
        else:
            end = _text_end(source, place)
            yield source[place:end]
            place = end


def _text_end(source: str, start: int) -> int:
    found = [place for brace in "{}" if (place := source.find(brace, start)) >= 0]
    return min(found, default=len(source))


def _stray_brace(place: int) -> NoReturn:
    raise TemplateError(f'column {place + 1}: "}}" closes nothing: write "}}}}" for a brace')


def _join_texts(parts: Iterator[str | Field]) -> Iterator[str | Field]:
    text = ""
    empty = True
    for part in parts:
        empty = False
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
            text = ""
        yield part
    if text or empty:
        yield text


def _text(value: Any, escape: Callable[[str], str] | None) -> str:
    if not isinstance(value, str):
        value = slowly(value)
    return escape(value) if escape else value


def _compile(source: Any, where: str) -> Any:
    if isinstance(source, str):
        try:
            return Template.parse(source)
        except TemplateError as error:
            raise TemplateError(f"{where}: {error}" if where else str(error)) from None
    if isinstance(source, Mapping):
        return {name: _compile(item, f"{where}.{name}".lstrip(".")) for name, item in source.items()}
    if isinstance(source, list | tuple):
        return [_compile(item, f"{where}[{place}]") for place, item in enumerate(source)]
    return source


def _render(node: Any, document: Mapping[str, Any]) -> Any:
    if isinstance(node, Template):
        return node.value(document)
    if isinstance(node, dict):
        return {name: _render(item, document) for name, item in node.items()}
    if isinstance(node, list):
        return [_render(item, document) for item in node]
    return node


def _templates(node: Any) -> Iterator[Template]:
    if isinstance(node, Template):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _templates(item)


def _schema_of(validate: Callable[[Any], Any]) -> "CoreSchema":
    # Pydantic is only for who reads settings: the process that writes the inbox renders templates without it.
    from pydantic_core import core_schema

    return core_schema.no_info_plain_validator_function(validate)


def _validated(value: Any) -> Template:
    if isinstance(value, Template):
        return value
    if not isinstance(value, str):
        raise ValueError("a text is expected, in which {path} stands for a field of the notification")
    try:
        return Template.parse(value)
    except TemplateError as error:
        raise ValueError(str(error)) from None


def _validated_structure(value: Any) -> Structure:
    try:
        return value if isinstance(value, Structure) else Structure.parse(value)
    except TemplateError as error:
        raise ValueError(str(error)) from None
