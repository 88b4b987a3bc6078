"""One operation of the API, and how a request becomes its call: read, checked, answered as JSON."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from receiver.api.model import Answer, Asked, Nothing
from receiver.api.problems import ApiError, invalid

LARGEST_BODY = 1 << 20
_JSON = "application/json"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was read and checked."""

    request: web.Request
    query: Any
    """An instance of the operation's `query`."""
    body: Any = None
    """An instance of the operation's `body`, or the raw body where that is bytes."""
    id: int = 0
    """The path's."""


Answers = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path does."""

    name: str
    """OpenAPI's operationId."""
    method: str
    path: str
    tag: str
    summary: str
    answers: Answers
    answer: type[Answer]
    query: type[Asked] = Nothing
    path_model: type[Asked] | None = None
    body: type[Asked] | None = None
    raw_body: Mapping[str, Any] | None = None
    """The JSON Schema of a body that is taken as it is."""
    later: bool = False
    """Whether 202 is answered too, where the answer's `going_on` is true."""

    @property
    def has_body(self) -> bool:
        """Whether it takes a body."""
        return self.body is not None or self.raw_body is not None

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request. Raises ApiError and Unavailable."""
        call = Call(request, self._query(request), await self._body(request), self._id(request))
        answer = await self.answers(call)
        status = 202 if self.later and getattr(answer, "going_on", False) else 200
        return web.Response(status=status, body=answer.model_dump_json().encode(), content_type=_JSON)

    def _query(self, request: web.Request) -> Asked:
        fields: dict[str, Any] = {}
        for name in request.query:
            values = request.query.getall(name)
            fields[name] = values if name in _repeatable(self.query) else values[0]
            if len(values) > 1 and name not in _repeatable(self.query):
                raise ApiError(422, "invalid", f"query.{name}: is given {len(values)} times")
        return _checked(self.query, fields, "query")

    def _id(self, request: web.Request) -> int:
        if self.path_model is None:
            return 0
        return int(getattr(_checked(self.path_model, request.match_info, "path"), "id", 0))

    async def _body(self, request: web.Request) -> Any:
        if not self.has_body:
            return None
        if request.content_type != _JSON:
            raise ApiError(415, "not_json", f"the body must be JSON: send Content-Type: {_JSON}")
        raw = await _read(request)
        return raw if self.body is None else _parsed(self.body, raw)


def _checked(model: type[Asked], fields: Mapping[str, Any], place: str) -> Asked:
    for value in fields.values():
        if _SURROGATE.search(value if isinstance(value, str) else "".join(value)):
            raise ApiError(422, "invalid", f"the {place} is not UTF-8")
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise invalid(place, model, error) from None


def _parsed(model: type[Asked], raw: bytes) -> Asked:
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise ApiError(400, "bad_json", f"the body is not JSON: {first['msg']}") from None
        raise invalid("body", model, error) from None


async def _read(request: web.Request) -> bytes:
    too_large = ApiError(413, "too_large", f"the body is larger than {LARGEST_BODY} bytes")
    if (request.content_length or 0) > LARGEST_BODY:
        raise too_large
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    except (web.PayloadAccessError, ConnectionError) as error:
        raise ApiError(400, "broken_body", f"the body broke off: {type(error).__name__}") from None
    if len(raw) > LARGEST_BODY:
        raise too_large
    return raw


def _repeatable(model: type[Asked]) -> frozenset[str]:
    """The parameters that may be given several times."""
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if "tuple" in str(field.annotation))
