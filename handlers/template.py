"""Templates of the rules file: text with `{path}` fields taken from a notification's document.

`{payload.a.b}` is the value at that path; `{payload.items.0.sku}` an element of a list; `{{` and `}}` are braces.
A filter follows a bar: `{seller_id|default=unknown}`, `{event_time|shift=-24h}`. A template that is one field and
nothing else renders the value with its JSON type; any other renders text. What a value holds is never read as a
template again. A field that is missing is an error, never an empty string.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.errors import TemplateError


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. `fields` names the paths it reads."""

    source: str
    fields: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def parse(cls, source: str) -> "Template":
        """Raises TemplateError with the place and the cure."""
        raise NotImplementedError

    def text(self, document: Mapping[str, Any]) -> str:
        """The rendered text. Raises TemplateError naming the field that is missing."""
        raise NotImplementedError

    def value(self, document: Mapping[str, Any]) -> Any:
        """The rendered value: typed where the template is a single field. Raises TemplateError."""
        raise NotImplementedError


def render(structure: Any, document: Mapping[str, Any]) -> Any:
    """A copy of a JSON-like structure with every string in it rendered as a template. Raises TemplateError."""
    raise TemplateError("not implemented")
