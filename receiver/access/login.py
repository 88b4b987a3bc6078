"""`/login` and `/logout`."""

from importlib import resources

from aiohttp import web

from receiver.access.access import COOKIE, Access
from receiver.access.denial import Denied
from receiver.access.forms import form_of
from receiver.access.pages import denial_page, login_page
from receiver.access.principal import Way


def add_login(app: web.Application, access: Access) -> None:
    """Add the door's own pages to an application that `guard` stands before."""
    login = Login(access)
    app.router.add_get("/login", login.show)
    app.router.add_post("/login", login.enter)
    app.router.add_get("/login.css", login.style)
    app.router.add_post("/logout", login.leave)


class Login:
    """The pages of the door."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._style = resources.files("receiver.access").joinpath("login.css").read_text("utf-8")

    async def show(self, request: web.Request) -> web.Response:
        """Ask for the token."""
        if not self._access.has_token:
            try:
                self._access.required(request)
            except Denied as denied:
                return denial_page(denied)
            return _see("/")
        return login_page(local(request.query.get("next", "/")))

    async def enter(self, request: web.Request) -> web.Response:
        """Open a session for the token."""
        try:
            form = await form_of(request)
        except Denied as denied:
            return denial_page(denied)
        token, then = form.get("token"), form.get("next")
        target = local(then) if isinstance(then, str) else "/"
        try:
            cookie, principal = self._access.log_in(request, token.strip() if isinstance(token, str) else "")
        except Denied as denied:
            return login_page(target, denied) if denied.status in {401, 429} else denial_page(denied)
        await self._access.record(principal, "login")
        response = _see(target)
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=self._access.lifetime,
            path="/",
            secure=_is_tls(request),
            httponly=True,
            samesite="Strict",
        )
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """End the session."""
        principal = self._access.of(request)
        response = _see("/login")
        if principal.way is Way.SESSION:
            # Ended also where the entry cannot be kept: who leaves must not find the door open.
            self._access.log_out(principal)
            await self._access.note(request, "logout")
            response.del_cookie(COOKIE, path="/", secure=_is_tls(request), httponly=True, samesite="Strict")
        return response

    async def style(self, _request: web.Request) -> web.Response:
        """The style of these pages."""
        return web.Response(text=self._style, content_type="text/css")


def local(target: str) -> str:
    """A path of this site to lead on to; the beginning for anything else, such as another site."""
    plain = target.isprintable() and target.isascii() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


def _see(target: str) -> web.Response:
    return web.Response(status=303, headers={"Location": target})


def _is_tls(request: web.Request) -> bool:
    """Whether the browser speaks TLS: to us, or to a proxy that says so. Who lies only loses its own cookie."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
