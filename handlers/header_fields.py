"""Headers that a rules file adds to requests: names checked when it is read, values rendered for each delivery."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from handlers.errors import HandlerError, TemplateError
from handlers.fresh import Fresh
from handlers.settings import Secret
from handlers.template import Template

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OF_THE_CONNECTION = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "expect", "host", "keep-alive"}
    | {"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Set by the client itself (RFC 9110, section 7.6.1): another value would break the request or smuggle a second one."""
_OF_THE_SIGNATURE = "webhook-"


def _parse_value(value: object) -> Template | Secret:
    if isinstance(value, Template | Secret):
        return value
    if isinstance(value, Mapping):
        return Secret.parse(value)
    if not isinstance(value, str):
        raise ValueError('a header is a text, or a secret like { env = "NAME" }')
    try:
        return Template.parse(value)
    except TemplateError as error:
        raise ValueError(str(error)) from None


def _check_names(headers: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, str] = {}
    for name in headers:
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header's name: letters, digits and hyphens make one")
        if lower in _OF_THE_CONNECTION:
            raise ValueError(f"{name} is set by the connection itself: leave it out")
        if lower.startswith(_OF_THE_SIGNATURE):
            raise ValueError(f"{name} belongs to the signature: leave it out, and set secret to sign")
        if lower in seen:
            raise ValueError(f"{seen[lower]} and {name} are the same header: write one of them")
        seen[lower] = name
    return headers


_Value = Annotated[Template | Secret, BeforeValidator(_parse_value)]
HeaderSettings = Annotated[dict[str, _Value], AfterValidator(_check_names)]
"""The type of a `headers` table: names to Template or Secret."""


class HeaderFields:
    """The headers of a handler, ready to be rendered. `clock` gives seconds."""

    def __init__(self, settings: Mapping[str, Template | Secret], clock: Callable[[], float]) -> None:
        self._templates = {name: value for name, value in settings.items() if isinstance(value, Template)}
        self._secrets = {
            name: Fresh(_reader(name, value), clock) for name, value in settings.items() if isinstance(value, Secret)
        }

    def render(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Names and values. Raises TemplateError for a value that cannot be had or sent, SecretError for a secret."""
        return self._rendered(document) | {name: value.get() for name, value in self._secrets.items()}

    def shown(self, document: Mapping[str, Any]) -> dict[str, str]:
        """As `render`, with `***` for each secret, which is not read."""
        return self._rendered(document) | dict.fromkeys(self._secrets, "***")

    def _rendered(self, document: Mapping[str, Any]) -> dict[str, str]:
        return {name: _checked(name, template.text(document)) for name, template in self._templates.items()}


def _checked(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise TemplateError(
            f"headers.{name}: the value holds a line break or another control character: {value[:80]!r}"
        )
    return value.strip()


def _reader(name: str, secret: Secret) -> Callable[[], str]:
    def read() -> str:
        value = secret.read().strip()
        if _CONTROL.search(value):
            raise HandlerError(f"headers.{name}: secret {secret} holds a line break or another control character")
        return value

    return read
