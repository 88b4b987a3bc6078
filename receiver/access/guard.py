"""The middleware in front of the console and the API."""

from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from receiver.access.access import PRINCIPAL, Access
from receiver.access.denial import Denied
from receiver.access.forms import csrf_of, form_of
from receiver.access.login import local
from receiver.access.origin import is_cross_site_visit
from receiver.access.pages import bounce_page, denial_page
from receiver.errors import Unavailable
from receiver.responses import problem

OPEN = {"/healthz", "/readyz", "/metrics"}
"""Asked by machines that have no token. They say nothing of what is in the inbox."""
DOOR = {"/login", "/login.css"}
ASSETS = "/static/"
API = "/api/"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def guard(access: Access) -> Middleware:
    """Lets requests through that `access` admits, and answers the others: a page for people, a problem for programs."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in OPEN:
            try:
                await _admit(access, request)
            except Denied as denied:
                return answer(request, denied)
        try:
            return await handler(request)
        except Unavailable as error:
            return answer(request, Denied(503, error.reason, error.detail, error.retry_after))

    return middleware


async def _admit(access: Access, request: web.Request) -> None:
    """Know who sends a request, and that it was meant. Raises Denied."""
    access.check_host(request)
    if request.path in DOOR or (request.path.startswith(ASSETS) and request.method in {"GET", "HEAD"}):
        return
    request[PRINCIPAL] = access.required(request)
    if request.method not in _SAFE:
        if not request.path.startswith(API):
            await form_of(request)
        access.check_csrf(request, await csrf_of(request))


def answer(request: web.BaseRequest, denied: Denied) -> web.Response:
    """The answer to somebody who is not let in."""
    if request.path.startswith(API):
        response = problem(denied.status, denied.reason, denied.detail, denied.retry_after)
    elif denied.status == 401 and _is_visit(request):
        response = _to_login(request)
    else:
        response = denial_page(denied)
    if denied.status == 401:
        error = ', error="invalid_token"' if denied.reason == "wrong_token" else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="spapi-router"{error}'
    return response


def _is_visit(request: web.BaseRequest) -> bool:
    return request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("Accept", "")


def _to_login(request: web.BaseRequest) -> web.Response:
    if is_cross_site_visit(request):
        return bounce_page(local(str(request.rel_url)))
    return web.Response(status=303, headers={"Location": f"/login?next={quote(str(request.rel_url), safe='/')}"})
