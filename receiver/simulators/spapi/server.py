"""The stand-in on a socket: Login with Amazon, STS, SP-API, signed documents, and the consent page."""

import asyncio
import secrets
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from receiver.simulators.listener import Listener
from receiver.simulators.spapi.amazon import Amazon, Arrival
from receiver.simulators.spapi.documents import Documents
from receiver.simulators.spapi.faults import Dice, Fault
from receiver.simulators.spapi.settings import AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, Settings
from receiver.simulators.spapi.signatures import BadSignature, Signed
from receiver.simulators.spapi.sts import Sts
from receiver.simulators.spapi.tokens import Refused

_LARGEST = 100 << 20
_CODES = {"429": "QuotaExceeded", "503": "ServiceUnavailable", "400": "InvalidInput", "403": "Unauthorized"}


@dataclass(frozen=True, slots=True)
class Served:
    """A call that was answered."""

    operation: str
    status: int
    raw_path: str
    """Percent-encoded, without the query."""


class SimulatedSpapi:
    """Listens while the `async with` block runs; every region is at the same address."""

    def __init__(
        self,
        settings: Settings | None = None,
        listen: str = "127.0.0.1:0",
        clock: Callable[[], float] = time.time,
        watch: Callable[[Served], None] = lambda _served: None,
    ) -> None:
        """`clock` counts seconds since the epoch; `watch` hears of each call."""
        self._watch = watch
        self.settings = settings or Settings()
        self.grants: Counter[tuple[str, int]] = Counter()
        """Token requests by grant and status."""
        self._clock = clock
        self._directory = Path(tempfile.gettempdir()) / f"spapi-router-simulated-{secrets.token_hex(8)}"
        rows, life = self.settings.report_rows, self.settings.url_life
        self._documents = Documents(self._directory, rows, life)
        self.amazon = Amazon(self.settings, self._documents, clock)
        self._sts = Sts(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
        self._dice = Dice(self.settings.faults, self.settings.seed)
        self._listener = Listener(self._application(), listen)

    @property
    def url(self) -> str:
        """Where SP-API is, without a slash at its end."""
        return self._listener.url.rstrip("/")

    @property
    def lwa_url(self) -> str:
        """Where tokens are given."""
        return f"{self.url}/auth/o2/token"

    @property
    def sts_url(self) -> str:
        """Where roles are assumed."""
        return f"{self.url}/sts"

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self._directory.mkdir(mode=0o700)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.__aexit__(kind, error, trace)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST)
        application.router.add_post("/auth/o2/token", self._token)
        application.router.add_post("/sts", self._assume)
        application.router.add_get("/apps/authorize/consent", self._consent)
        application.router.add_get("/documents/{id}", self._download)
        application.router.add_put("/documents/{id}", self._upload)
        application.router.add_route("*", "/{path:.*}", self._call)
        return application

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        kind = form.get("grant_type", "")[:40]
        try:
            answer = self.amazon.tokens.grant(form, self._clock())
        except Refused as refused:
            self.grants[kind, refused.status] += 1
            return web.json_response(refused.body, status=refused.status)
        self.grants[kind, 200] += 1
        return web.json_response(answer)

    async def _assume(self, request: web.Request) -> web.Response:
        status, text = self._sts.answer(_signed(request, await request.read()), self._clock())
        self.grants["assume_role", status] += 1
        return web.Response(status=status, text=text, content_type="text/xml")

    async def _consent(self, request: web.Request) -> web.Response:
        """The seller's yes, given at once: sends the browser back with a code."""
        target = request.query.get("redirect_uri", "")
        if urlsplit(target).scheme not in {"http", "https"} or "state" not in request.query:
            return web.Response(status=400, text="the consent page needs a redirect_uri and a state\n")
        seller_id = request.query.get("selling_partner_id", self.settings.seller_id(1))
        if seller_id not in self.amazon.world.shops:
            return web.Response(status=400, text=f"there is no seller {seller_id}\n")
        code = self.amazon.tokens.code(seller_id, self._clock())
        answer = {"state": request.query["state"], "selling_partner_id": seller_id, "spapi_oauth_code": code}
        separator = "&" if urlsplit(target).query else "?"
        raise web.HTTPFound(f"{target}{separator}{urlencode(answer)}")

    async def _call(self, request: web.Request) -> web.Response:
        content = await request.read()
        for fault in self._dice.roll():
            if (faulty := await _befall(request, fault)) is not None:
                return faulty
        if "Authorization" in request.headers:
            try:
                self._sts.check_call(_signed(request, content), self._clock())
            except BadSignature as error:
                return _refused(403, "InvalidSignature", str(error))
        raw_path, _, query = request.raw_path.partition("?")
        token = request.headers.get("x-amz-access-token")
        arrival = Arrival(request.method, raw_path, query, token, content, self.url)
        # A report's document is written on the way, which may take seconds.
        reply = await asyncio.to_thread(self.amazon.reply, arrival) if _writes(raw_path) else self.amazon.reply(arrival)
        self.amazon.statistics.calls[reply.operation, reply.status] += 1
        self._watch(Served(reply.operation, reply.status, raw_path))
        if reply.body is None:
            return web.Response(status=reply.status, headers=reply.headers)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        document_id = request.match_info["id"]
        if not self._admits(request, document_id):
            return _expired()
        if not self._documents.has(document_id):
            return web.Response(status=404)
        headers = {"Content-Type": self._documents.content_type(document_id)}
        return web.FileResponse(self._documents.path(document_id), headers=headers)

    async def _upload(self, request: web.Request) -> web.Response:
        document_id = request.match_info["id"]
        if not self._admits(request, document_id):
            return _expired()
        content = await request.read()
        await asyncio.to_thread(self._documents.path(document_id).write_bytes, content)
        return web.Response(status=200)

    def _admits(self, request: web.Request, document_id: str) -> bool:
        ends, signature = request.query.get("X-Amz-Expires", ""), request.query.get("X-Amz-Signature", "")
        return self._documents.admits(document_id, request.method, ends, signature, self._clock())


async def _befall(request: web.Request, fault: Fault) -> web.Response | None:
    """Let a fault come over a request: the answer that it gets, None where it goes on."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "cut":
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    return _refused(int(fault.kind), _CODES.get(fault.kind, "InternalFailure"), "A simulated fault.")


def _refused(status: int, code: str, message: str) -> web.Response:
    """A refusal that comes before SP-API looks at the call."""
    error = {"code": code, "message": message, "details": ""}
    return web.json_response({"errors": [error]}, status=status, headers={"x-amzn-RequestId": "simulated-fault"})


def _signed(request: web.Request, content: bytes) -> Signed:
    raw_path, _, query = request.raw_path.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Signed(request.method, raw_path, query, headers, content)


def _writes(raw_path: str) -> bool:
    return raw_path.startswith("/reports/") and "/documents/" in raw_path


def _expired() -> web.Response:
    text = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
    return web.Response(status=403, text=text, content_type="application/xml")
