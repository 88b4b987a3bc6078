"""The door's judge: lets requests in by token, session or Unix user, or says why not."""

import hmac
import logging
from collections.abc import Callable, Sequence

from aiohttp import web

from receiver.access.denial import Denied
from receiver.access.origin import Hosts, check_origin
from receiver.access.peers import Peers, peer_of
from receiver.access.principal import Principal, Way
from receiver.access.sessions import Sessions
from receiver.access.throttle import Throttle
from receiver.config.console import ConsoleSettings
from receiver.config.values import Listen
from receiver.errors import ConfigError
from receiver.events import log
from receiver.inbox.audit import Action, Audit

_logger = logging.getLogger(__name__)
COOKIE = "spapi_router_session"
PRINCIPAL = web.RequestKey("principal", Principal)
_SHORTEST_TOKEN = 16
_BURST, _PERIOD = 5, 10.0
_SETUP = (
    'the console and the API are closed until a token is set: add token = { credential = "console-token" } or '
    '{ env = "CONSOLE_TOKEN" } under [console] in the rules file, give the service the output of '
    "`openssl rand -hex 32` by that name, and restart it; or let server.admin be "
    '"unix:/run/spapi-router/admin.sock": root and the user of the service need none there'
)
"""What to do where nobody can be let in."""


def closed(has_token: bool, listen: Listen | None) -> str:
    """Why nobody can come in at an admin listener, with the cure; empty where somebody can."""
    return "" if has_token or (listen and listen.unix) else _SETUP


class Access:
    """Judges requests by `[console]`. `listen` is where the admin listener is; its name may be asked for."""

    def __init__(
        self, settings: ConsoleSettings, listen: Listen | None, audit: Audit, clock: Callable[[], float]
    ) -> None:
        self.audit = audit
        self._listen = listen
        self._clock = clock
        self._token = ""
        self._sessions = Sessions(settings.session, clock)
        self._logins = Throttle(_BURST, _PERIOD, clock)
        # Programs send a wrong token again and again: the log alone is spared, or they would shut others out.
        self._bearers = Throttle(_BURST, _PERIOD, clock)
        self.take_in(settings, token_of(settings))

    def take_in(self, settings: ConsoleSettings, token: str) -> None:
        """Go by other settings and their token; another token ends all sessions."""
        if token != self._token:
            self._sessions = Sessions(settings.session, self._clock)
        self._sessions.lifetime = settings.session
        self._token = token
        self._peers = Peers(settings.users)
        self._hosts = Hosts([*settings.hosts, *([self._listen.host] if self._listen else [])])
        for name in self._peers.unknown:
            log(_logger, logging.WARNING, "console_user_unknown", user=name, key="console.users")

    @property
    def closed(self) -> str:
        """Why nobody can come in, with the cure; empty where somebody can."""
        return closed(self.has_token, self._listen)

    @property
    def has_token(self) -> bool:
        """Whether there is a token to log in with."""
        return bool(self._token)

    def check_host(self, request: web.BaseRequest) -> None:
        """Raise Denied where the listener was reached under a name that is not its own."""
        self._hosts.check(request)

    def principal(self, request: web.BaseRequest) -> Principal | None:
        """Who sends a request, None where it does not say. Raises Denied where it says so wrongly."""
        if "Authorization" in request.headers:
            return self._bearer(request)
        id_ = self._sessions.read(request.cookies.get(COOKIE, ""))
        if id_ is not None and self._token:
            return self._session(id_, request)
        uid = peer_of(request)
        if uid is not None and self._peers.admits(uid):
            return Principal(f"unix:{self._peers.name(uid)}", Way.PEER, f"unix:{uid}")
        return None

    def required(self, request: web.BaseRequest) -> Principal:
        """Who sends a request. Raises Denied where nobody is known."""
        principal = self.principal(request)
        if principal is not None:
            return principal
        if self._token:
            raise Denied(401, "token_required", "log in, or send the token: Authorization: Bearer TOKEN")
        uid = peer_of(request)
        if uid is not None:
            cure = f'add "{self._peers.name(uid)}" to console.users'
            raise Denied(403, "user_not_allowed", f"user {self._peers.name(uid)} may not use this socket: {cure}")
        raise Denied(403, "not_set_up", _SETUP)

    def check_csrf(self, request: web.BaseRequest, token: str | None) -> None:
        """Raise Denied for what changes something and was not sent by a page of ours."""
        principal = self.of(request)
        if not principal.ambient:
            return
        check_origin(request)
        # A page of another site cannot send JSON unasked (Fetch standard, "CORS-safelisted request-header").
        if principal.way is Way.PEER and request.content_type == "application/json":
            return
        wanted = self._sessions.sign("csrf", principal.identity)
        if not hmac.compare_digest((token or "").encode("utf-8", "replace"), wanted.encode()):
            raise Denied(403, "csrf", "the form is too old or not one of ours: load its page again")

    def log_in(self, request: web.BaseRequest, token: str) -> tuple[str, Principal]:
        """The cookie of a new session, and who has it. Raises Denied."""
        address = address_of(request)
        check_origin(request)
        if not self._token:
            raise Denied(403, "not_set_up", self.closed or "no token is set under [console]: none can be entered")
        # Only wrong ones have to wait: behind a proxy, and for users of this machine, all come from one address.
        if not self._is_token(token):
            if wait := self._logins.wait(address):
                raise Denied(429, "too_many_attempts", "too many wrong tokens: wait a little", wait)
            self._logins.failed(address)
            log(_logger, logging.WARNING, "console_login_failed", remote=address)
            raise Denied(401, "wrong_token", "this is not the token of [console]")
        cookie = self._sessions.open()
        return cookie, self._session(cookie.partition(".")[0], request)

    def log_out(self, principal: Principal) -> None:
        """End a session."""
        self._sessions.end(principal.identity.partition(":")[2])

    @property
    def lifetime(self) -> int:
        """Seconds that a session lasts."""
        return int(self._sessions.lifetime)

    def of(self, request: web.BaseRequest) -> Principal:
        """Who was let in with a request."""
        return request[PRINCIPAL]

    def still_in(self, request: web.BaseRequest) -> bool:
        """Whether who was let in would be now: an answer that lasts outlives sessions and tokens."""
        try:
            return self.principal(request) == self.of(request)
        except Denied:
            return False

    def csrf(self, request: web.BaseRequest) -> str:
        """The token that every form carries in its field `csrf`, and a script in the header X-CSRF-Token."""
        return self._sessions.sign("csrf", self.of(request).identity)

    def who(self, request: web.BaseRequest) -> str:
        """Who was let in, for people."""
        return self.of(request).name

    async def note(self, request: web.BaseRequest, action: str, detail: str = "", ids: Sequence[int] = ()) -> None:
        """Keep what somebody is about to do, on disk and in the log. Raises Unavailable: then do not do it."""
        await self.record(self.of(request), action, detail, ids)

    async def record(self, principal: Principal, action: str, detail: str = "", ids: Sequence[int] = ()) -> None:
        """As `note`, for somebody whose request is not let in yet."""
        await self.audit.add(Action(self._clock(), principal.name, action, detail, tuple(ids)))
        facts = {"detail": detail or None, "ids": " ".join(map(str, ids)) or None}
        log(_logger, logging.INFO, "console_action", who=principal.name, action=action, **facts)

    def _session(self, id_: str, request: web.BaseRequest) -> Principal:
        return Principal(f"session {id_[:8]} ({address_of(request)})", Way.SESSION, f"session:{id_}")

    def _bearer(self, request: web.BaseRequest) -> Principal:
        scheme, _, token = request.headers["Authorization"].partition(" ")
        address = address_of(request)
        if scheme.lower() == "bearer" and self._is_token(token.strip()):
            return Principal(f"token ({address})", Way.TOKEN, "token")
        if not self._token:
            raise Denied(403, "not_set_up", self.closed or "no token is set under [console]: none can be sent")
        if not self._bearers.wait(address):
            log(_logger, logging.WARNING, "console_token_refused", remote=address)
        self._bearers.failed(address)
        raise Denied(401, "wrong_token", "send the token of [console]: Authorization: Bearer TOKEN")

    def _is_token(self, token: str) -> bool:
        given, wanted = token.encode("utf-8", "surrogateescape"), self._token.encode()
        return bool(wanted) and hmac.compare_digest(given, wanted)


def token_of(settings: ConsoleSettings) -> str:
    """The token, empty where none is set. Raises SecretError, and ConfigError for one that could be guessed."""
    if settings.token is None:
        return ""
    token = settings.token.read()
    if len(token) >= _SHORTEST_TOKEN:
        return token
    cure = "take the output of `openssl rand -hex 32`"
    raise ConfigError(f"console.token {settings.token} is shorter than {_SHORTEST_TOKEN} characters: {cure}")


def address_of(request: web.BaseRequest) -> str:
    """Where a request was sent from."""
    return request.remote or "unix"
