"""The public listener: one SNS route, bytes in, status out."""

import asyncio
import base64
import hmac
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDictProxy

from receiver.arrival import Arrivals
from receiver.errors import Refused, Unauthorized, Unavailable
from receiver.fast_path import FastConnection, FastServer
from receiver.http_log import HttpLog
from receiver.ingest import Ingest, Outcome, Push, failed
from receiver.overload import Gate, GatedConnection
from receiver.responses import SERVER, Ready, answer_for, dated, problem, raw
from receiver.sparing import Sparing

_logger = logging.getLogger(__name__)
_LOOK = 0.02
_READ = 65536
"""Bytes of a body that are read ahead, and a sixteenth of it the chunks that are parsed in one go."""

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
        self.arrivals = Arrivals(options.max_body, options.body_timeout, ingest.most_bytes)
        self._draining = False
        self._sparing = Sparing()
        self._refusal = Unavailable("overload", "more pushes are in hand than can be judged in time", retry_after=5)
        self._ready: dict[str, Ready] = {}
        self._gate = Gate(ingest.is_full, ingest.refused_unread)

    def protocol_factory(self) -> web.Server:
        """What `loop.create_server` takes. Bodies are left compressed: SNS never compresses, so a bomb stays small."""
        loop = asyncio.get_running_loop()
        limit = self._options.max_body
        return FastServer(
            self._answer,
            self,
            self._gate,
            self._options.path,
            raw(answer_for(self._refusal)),
            request_factory=lambda message, payload, protocol, writer, task: web.BaseRequest(
                message, payload, protocol, writer, task, loop, client_max_size=limit
            ),
            read_bufsize=_READ,
            auto_decompress=False,
            access_log=None,
            logger=HttpLog(_logger),
            keepalive_timeout=75,
            lingering_time=2,
        )

    def fits(self, message: RawRequestMessage, body: StreamReader) -> bool:
        """Whether a request is a push that is to be judged: all else, and each answer that ends a connection, waits."""
        return (
            message.path == self._options.path
            and message.method == "POST"
            and message.version == HttpVersion11
            and not message.should_close
            and not message.upgrade
            and body.is_eof()
            and body.exception() is None
            and body.total_bytes <= self._options.max_body
            and not self._draining
            and self._has_credentials(message.headers)
        )

    def take(self, message: RawRequestMessage, body: bytes, connection: FastConnection) -> None:
        """Have a push judged and answered."""
        if self._gate.full:
            self._gate.refuse()
            self._reply(connection, self._refusal)
            return
        sender = self._sender(_peer(connection.peername), message.headers)
        self._ingest.begin(Push(body, message.headers, sender), partial(self._reply, connection))

    def _reply(self, connection: FastConnection, outcome: Outcome) -> None:
        if isinstance(outcome, str) and not self._draining:
            connection.answer(self._ready_for(outcome).now(), last=False)
            return
        response = web.Response(text=outcome) if isinstance(outcome, str) else answer_for(outcome)
        if self._draining:
            response.headers["Connection"] = "close"
        connection.answer(raw(dated(response, time.time())), last=self._draining)

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
        response.headers["Server"] = SERVER
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
            body = await self.arrivals.read(request)
            outcome = await self._ingest.take(Push(body, request.headers, self.remote(request)))
        except (Refused, Unavailable) as error:
            if body is None:
                self._count(error, request)
            return answer_for(error)
        except Exception as error:  # noqa: BLE001 - said by `failed`
            return answer_for(failed(error))
        return self._acknowledged(outcome, request)

    def _acknowledged(self, outcome: str, request: web.BaseRequest) -> web.StreamResponse:
        if self._draining or not Ready.fits(request):
            return web.Response(text=outcome)
        return self._ready_for(outcome)

    def _ready_for(self, outcome: str) -> Ready:
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

    def _check_credentials(self, request: web.BaseRequest) -> None:
        if self._has_credentials(request.headers):
            return
        if request.headers.get("Authorization"):
            facts = {"reason": "basic_auth", "remote": self.remote(request)}
            self._sparing.log("basic_auth", _logger, logging.WARNING, "push_refused", **facts)
        raise Unauthorized("basic_auth", "the user and password of server.basic_auth are missing or wrong")

    def _has_credentials(self, headers: Mapping[str, str]) -> bool:
        """RFC 7617: the pair that stands in the subscribed URL, which SNS sends with each push."""
        if self._credentials is None:
            return True
        given = headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._credentials)

    def remote(self, request: web.BaseRequest) -> str:
        """The sender's address: X-Forwarded-For is believed from configured proxies only, from the right."""
        return self._sender(request.remote or "unix", request.headers)

    def _sender(self, peer: str, headers: CIMultiDictProxy[str]) -> str:
        if not self._options.trusted_proxies or not self._trusted(peer):
            return peer
        chain = [part.strip() for part in ",".join(headers.getall("X-Forwarded-For", [])).split(",")]
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


def _peer(name: Any) -> str:
    """A socket's peer: the host of an address, or nobody's in the world of Unix sockets."""
    return str(name[0] if isinstance(name, tuple) else name or "unix")


def networks(cidrs: Sequence[str]) -> tuple[Network, ...]:
    """Parsed CIDR blocks. Raises ValueError."""
    return tuple(ipaddress.ip_network(cidr) for cidr in cidrs)


def _basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def _not_allowed(methods: str) -> web.Response:
    response = problem(405, "method_not_allowed", f"this path answers {methods}")
    response.headers["Allow"] = methods
    return response
