"""The public listener: one SNS route, bytes in, status out."""

import asyncio
import base64
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from receiver.errors import Refused, TooLarge, Unauthorized, Unavailable
from receiver.events import log
from receiver.http_log import HttpLog
from receiver.ingest import Ingest, Push
from receiver.overload import Gate, GatedConnection, GatedServer
from receiver.responses import Ready, answer_for, problem, raw

_logger = logging.getLogger(__name__)
_LOOK = 0.02

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the public listener accepts. Sizes in bytes, times in seconds."""

    path: str = "/sns"
    max_body: int = 1 << 20
    body_timeout: float = 10.0
    """How long a sender may take to send a body: below the 15 s that SNS waits for its answer."""
    trusted_proxies: tuple[Network, ...] = ()
    basic_auth: tuple[str, str] | None = field(default=None, repr=False)


class PublicServer:
    """Answers requests of the public listener. `pages` are further routes by path (GET)."""

    def __init__(self, ingest: Ingest, options: ServerOptions, pages: Mapping[str, Page] | None = None) -> None:
        self._ingest = ingest
        self._options = options
        self.pages = dict(pages or {})
        self._credentials = _basic(*options.basic_auth) if options.basic_auth else None
        self._draining = False
        self._refusal = Unavailable("overload", "more pushes are in hand than can be judged in time", retry_after=5)
        self._ready: dict[str, Ready] = {}
        self._gate = Gate(ingest.is_full, ingest.refused_unread)

    def protocol_factory(self) -> web.Server:
        """What `loop.create_server` takes. Bodies are left compressed: SNS never compresses, so a bomb stays small."""
        loop = asyncio.get_running_loop()
        limit = self._options.max_body
        return GatedServer(
            self._answer,
            self._gate,
            self._options.path,
            raw(answer_for(self._refusal)),
            request_factory=lambda message, payload, protocol, writer, task: web.BaseRequest(
                message, payload, protocol, writer, task, loop, client_max_size=limit
            ),
            auto_decompress=False,
            access_log=None,
            logger=HttpLog(_logger),
            keepalive_timeout=75,
            lingering_time=2,
        )

    async def drain(self, server: web.Server, seconds: float, handshakes: bool) -> None:
        """Answer what open connections still send, each answer being the last of its connection.

        Ends when no connection is left, but with `handshakes` (TLS), which are not connections yet, after `seconds`.
        """
        self._draining = True
        self._gate.leave_to_others()
        looks = max(1, round(seconds / _LOOK))
        for _ in range(looks):
            await asyncio.sleep(_LOOK)
            if not handshakes and not server.connections:
                return

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        cast("GatedConnection", request.protocol).begun()
        response = await self._handle(request)
        if self._draining:
            response.force_close()
        return response

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # As it was sent it is compared first: taking a URL apart costs more than all else done here.
        if request.raw_path != self._options.path and (path := request.rel_url.raw_path) != self._options.path:
            return await self._other(path, request)
        if request.method != "POST":
            return _not_allowed("POST")
        body: bytes | None = None
        try:
            self._check_credentials(request)
            if self._gate.full:
                self._gate.refuse()
                return answer_for(self._refusal)
            body = await self._body(request)
            outcome = await self._ingest.take(Push(body, request.headers, self.remote(request)))
        except (Refused, Unavailable) as error:
            if body is None:
                self._count(error, request)
            return answer_for(error)
        except Exception as error:
            log(_logger, logging.ERROR, "push_failed", error=f"{type(error).__name__}: {error}")
            _logger.debug("push_failed", exc_info=error)
            return answer_for(Unavailable("internal", "the push could not be handled"))
        return self._acknowledged(outcome, request)

    def _acknowledged(self, outcome: str, request: web.BaseRequest) -> web.StreamResponse:
        if self._draining or not Ready.fits(request):
            return web.Response(text=outcome)
        return self._ready.get(outcome) or self._ready.setdefault(outcome, Ready(outcome))

    def _count(self, error: Refused | Unavailable, request: web.BaseRequest) -> None:
        """Count what `take` never saw. A challenge is none of it: SNS sends its credentials only then."""
        if not isinstance(error, Unauthorized) or "Authorization" in request.headers:
            self._ingest.turned_away(error)

    async def _other(self, path: str, request: web.BaseRequest) -> web.StreamResponse:
        page = self.pages.get(path)
        if page is None:
            return problem(404, "no_such_path", f"this listener answers {self._options.path}")
        return await page(request) if request.method in {"GET", "HEAD"} else _not_allowed("GET, HEAD")

    async def _body(self, request: web.BaseRequest) -> bytes:
        limit = self._options.max_body
        if (request.content_length or 0) > limit:
            raise TooLarge("too_large", f"the body is larger than {limit} bytes (server.max_body)")
        try:
            if request.content.is_eof():
                return await request.read()
            async with asyncio.timeout(self._options.body_timeout):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise TooLarge("too_large", f"the body is larger than {limit} bytes (server.max_body)") from None
        except TimeoutError:
            raise Unavailable("slow_body", f"the body took more than {self._options.body_timeout:g} s") from None
        except (HttpProcessingError, web.PayloadAccessError, ConnectionError) as error:
            raise Unavailable("broken_body", f"the body broke off: {type(error).__name__}") from None

    def _check_credentials(self, request: web.BaseRequest) -> None:
        """RFC 7617: the pair that stands in the subscribed URL, which SNS sends with each push."""
        if self._credentials is None:
            return
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._credentials):
            if given:
                log(_logger, logging.WARNING, "push_refused", reason="basic_auth", remote=self.remote(request))
            raise Unauthorized("basic_auth", "the user and password of server.basic_auth are missing or wrong")

    def remote(self, request: web.BaseRequest) -> str:
        """The sender's address: X-Forwarded-For is believed from configured proxies only, from the right."""
        peer = request.remote or "unix"
        if not self._options.trusted_proxies or not self._trusted(peer):
            return peer
        chain = [part.strip() for part in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")]
        hops = [hop for hop in reversed(chain) if hop]
        return next((hop for hop in hops if not self._trusted(hop)), hops[-1] if hops else peer)[:64]

    def _trusted(self, address: str) -> bool:
        if address == "unix":
            return True
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._options.trusted_proxies)


def networks(cidrs: Sequence[str]) -> tuple[Network, ...]:
    """Parsed CIDR blocks. Raises ValueError."""
    return tuple(ipaddress.ip_network(cidr) for cidr in cidrs)


def _basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def _not_allowed(methods: str) -> web.Response:
    response = problem(405, "method_not_allowed", f"this path answers {methods}")
    response.headers["Allow"] = methods
    return response
