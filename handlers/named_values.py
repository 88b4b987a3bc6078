"""Tables of the rules file whose values are templates or secrets: headers of a request, variables of a command."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from handlers.errors import HandlerError, TemplateError
from handlers.fresh import Fresh
from handlers.settings import Secret
from handlers.template import Template

Check = Callable[[str], str | None]
"""Says what is wrong with a rendered value, if anything is."""


def _parse(value: object) -> Template | Secret:
    """Chosen here, so that an error speaks of what was meant and not of both."""
    if isinstance(value, Template | Secret):
        return value
    if isinstance(value, Mapping):
        return Secret.parse(value)
    if not isinstance(value, str):
        raise ValueError('a text is expected, or a secret like { env = "NAME" }')
    try:
        return Template.parse(value)
    except TemplateError as error:
        raise ValueError(str(error)) from None


TemplateOrSecret = Annotated[Template | Secret, BeforeValidator(_parse)]
"""The type of one value of such a table."""


class NamedValues:
    """Such a table, ready to be rendered. `clock` gives seconds."""

    def __init__(
        self, key: str, settings: Mapping[str, Template | Secret], check: Check, clock: Callable[[], float]
    ) -> None:
        self._key = key
        self._check = check
        self._templates = {name: value for name, value in settings.items() if isinstance(value, Template)}
        self._secrets = {
            name: Fresh(self._reader(name, value), clock)
            for name, value in settings.items()
            if isinstance(value, Secret)
        }

    def check(self) -> None:
        """Raises HandlerError for a secret that cannot be had or used."""
        for value in self._secrets.values():
            value.get()

    @property
    def fields(self) -> tuple[tuple[str, ...], ...]:
        """The paths that its templates read."""
        return tuple(path for template in self._templates.values() for path in template.fields)

    def render(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Names and values. Raises TemplateError for a value that cannot be had or used, HandlerError for a secret."""
        rendered = self._rendered(document)
        for name, value in self._secrets.items():
            rendered[name] = value.get()
        return rendered

    def shown(self, document: Mapping[str, Any]) -> dict[str, str]:
        """As `render`, with `***` for each secret, which is not read."""
        return self._rendered(document) | dict.fromkeys(self._secrets, "***")

    def _rendered(self, document: Mapping[str, Any]) -> dict[str, str]:
        values = {name: template.text(document).strip() for name, template in self._templates.items()}
        for name, value in values.items():
            if wrong := self._check(value):
                raise TemplateError(f"{self._key}.{name}: the value holds {wrong}: {value[:80]!r}")
        return values

    def _reader(self, name: str, secret: Secret) -> Callable[[], str]:
        def read() -> str:
            value = secret.read().strip()
            if wrong := self._check(value):
                raise HandlerError(f"{self._key}.{name}: secret {secret} holds {wrong}")
            return value

        return read
