"""What the API answers where it cannot do what was asked (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from receiver.api.model import Answer, Asked
from receiver.config.suggest import did_you_mean
from receiver.errors import RouterError, Unavailable
from receiver.events import log
from receiver.responses import PROBLEM

_logger = logging.getLogger(__name__)
_REASONS = {404: "no_such_path", 405: "method_not_allowed", 413: "too_large"}
_DETAILS = {404: "there is no such path: see /api/v1/openapi.json", 413: "the body is too large"}
_MOST_FAULTS = 20


class Fault(Answer):
    """One thing that is wrong with what was sent."""

    place: str
    """`query`, `path` or `body`, and the name within it: `query.limit`."""
    problem: str


class Problem(Answer):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    """What is wrong, and what to do, for people."""
    reason: str
    """A constant for programs."""
    faults: tuple[Fault, ...] = ()
    """With 422: each thing that is wrong."""


class ApiError(RouterError):
    """A request that cannot be answered. `reason` is a short constant."""

    def __init__(self, status: int, reason: str, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.faults = tuple(faults)


def missing(what: str, id_: int) -> ApiError:
    """There is no such thing, or no more."""
    return ApiError(404, "not_found", f"the inbox has no {what} {id_}: it may have been deleted after its time")


def invalid(place: str, model: type[Asked], error: ValidationError) -> ApiError:
    """What pydantic found wrong in a place: `query`, `path` or `body`."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_FAULTS]
    faults = [Fault(place=".".join((place, *map(str, each["loc"]))), problem=_said(each, model)) for each in found]
    detail = "; ".join(f"{fault.place}: {fault.problem}" for fault in faults)
    return ApiError(422, "invalid", detail, faults)


def _said(found: ErrorDetails, model: type[Asked]) -> str:
    """What is wrong, in words that help."""
    if found["type"] != "extra_forbidden":
        return found["msg"].removeprefix("Value error, ")
    if len(found["loc"]) > 1:
        return "is not known here"
    return f"is not known here: {did_you_mean(str(found['loc'][0]), model.model_fields, 'there are')}"


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what is raised into problem documents; nothing leaves the API as anything else."""
    try:
        return await handler(request)
    except ApiError as error:
        return answer(error.status, error.reason, error.detail, faults=error.faults)
    except Unavailable as error:
        wait = {"Retry-After": str(max(1, round(error.retry_after)))}
        return answer(503, error.reason, error.detail, wait)
    except web.HTTPException as error:
        return _of_http(error)
    except Exception as error:
        log(_logger, logging.ERROR, "api_failed", path=request.path, error=f"{type(error).__name__}: {error}")
        _logger.debug("api_failed", exc_info=error)
        return answer(500, "internal", "the request could not be handled: the daemon's log says why")


def answer(
    status: int,
    reason: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    faults: Sequence[Fault] = (),
) -> web.Response:
    """A problem document as an answer."""
    title = HTTPStatus(status).phrase
    document = Problem(
        type="about:blank", title=title, status=status, detail=_clean(detail), reason=reason, faults=tuple(faults)
    )
    fields = document.model_dump(exclude_defaults=True)
    for fault in fields.get("faults", ()):
        fault.update({name: _clean(text) for name, text in fault.items()})
    return web.Response(status=status, body=orjson.dumps(fields), content_type=PROBLEM, headers=headers)


def _of_http(error: web.HTTPException) -> web.Response:
    status = error.status
    detail = _DETAILS.get(status, error.reason)
    allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    if allowed:
        detail = f"this path answers {allowed['Allow'].replace(',', ', ')}"
    return answer(status, _REASONS.get(status, "refused"), detail, allowed)


def _clean(text: str) -> str:
    """A text that JSON can hold, whatever was in the request."""
    return text.encode("utf-8", "replace").decode()
