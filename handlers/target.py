"""The URL of a destination: scheme and host are fixed, path and query may be templates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from yarl import URL

from handlers.errors import TemplateError
from handlers.template import Template

_PARTS = re.compile(r"(?P<scheme>[^:/?#]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
_FIELD = re.compile(r"\{[^{}]*\}")
_LEGAL = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. A type for handler settings: `url: Target`."""

    source: str
    host: str
    _origin: str
    _path: Template
    _query: Template | None
    _fixed: URL | None

    @classmethod
    def parse(cls, source: str) -> "Target":
        """Raises ValueError, which says what to correct; never repeats credentials."""
        origin, rest = _origin_and_rest(source)
        cut = _FIELD.sub(lambda field: "x" * len(field[0]), rest).find("?")
        try:
            path = Template.parse(rest if cut < 0 else rest[:cut])
            query = None if cut < 0 else Template.parse(rest[cut + 1 :])
            fixed = None if path.fields or (query and query.fields) else _join(str(origin), path, query, {})
        except TemplateError as error:
            raise ValueError(f"url: {error}") from None
        return cls(source, origin.host or "", str(origin), path, query, fixed)

    def url(self, document: Mapping[str, Any]) -> URL:
        """The URL for a notification. A value is percent-encoded whole, so it cannot add a segment or a parameter.

        Raises TemplateError where a field is missing or would change the meaning of the path.
        """
        return self._fixed or _join(self._origin, self._path, self._query, document)

    @property
    def fields(self) -> tuple[tuple[str, ...], ...]:
        """The paths that its templates read."""
        return self._path.fields + (self._query.fields if self._query else ())

    @property
    def fixed(self) -> bool:
        """Whether it is the same for every notification."""
        return self._fixed is not None

    @property
    def origin(self) -> URL:
        """Where it is without a path: scheme, host and port."""
        return URL(self._origin)

    @property
    def secure(self) -> bool:
        """Whether requests go over TLS."""
        return self._origin.startswith("https:")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validated)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://", "description": "an http or https URL"}


def _validated(value: Any) -> Target:
    if isinstance(value, Target):
        return value
    if not isinstance(value, str):
        raise ValueError('a URL is expected, like "https://erp.example.com/hooks"')
    return Target.parse(value)


def _origin_and_rest(source: str) -> tuple[URL, str]:
    match = _PARTS.fullmatch(source)
    if not match or match["scheme"].lower() not in {"http", "https"}:
        raise ValueError("a url begins with https:// or http://")
    if "@" in match["authority"]:
        raise ValueError("no credentials in url: use auth, which takes the password from a secret")
    if "{" in match["authority"]:
        raise ValueError("the host of a url is fixed: templates may stand in its path and query only")
    if not _AUTHORITY.fullmatch(match["authority"]):
        raise ValueError(f"{match['authority']!r} is not a host, or a host and a port")
    _check_characters(match["rest"])
    try:
        origin = URL(f"{match['scheme'].lower()}://{match['authority']}")
    except ValueError as error:
        raise ValueError(f"{match['authority']!r} is not a host: {error}") from None
    return origin, match["rest"] if match["rest"].startswith("/") else f"/{match['rest']}"


def _check_characters(rest: str) -> None:
    literal = _FIELD.sub("", rest)
    if "#" in rest:
        raise ValueError('a fragment ("#") is never sent: leave it out of url, or write %23')
    legal = _LEGAL.match(literal)
    end = legal.end() if legal else 0
    if end < len(literal):
        raise ValueError(f"{literal[end]!r} cannot stand in a url: write it as {quote(literal[end], safe='')}")


def _join(origin: str, path: Template, query: Template | None, document: Mapping[str, Any]) -> URL:
    rendered = path.text(document, _segment)
    if any(part in {".", ".."} for part in rendered.split("/")):
        raise TemplateError(
            f"the path of url becomes {rendered[:200]!r}: a value may not be a step to another directory"
        )
    tail = "" if query is None else f"?{query.text(document, _quoted)}"
    return URL(f"{origin}{rendered}{tail}", encoded=True)


def _segment(value: str) -> str:
    if not value:
        raise TemplateError("a field in the path of url is empty: match on it in the rule, or give it a |default=…")
    return _quoted(value)


def _quoted(value: str) -> str:
    return quote(value, safe="")
