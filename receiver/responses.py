"""The one place where errors become HTTP answers (RFC 9457 problem details), and the acknowledgement of a push."""

import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

import orjson
from aiohttp import ClientConnectionResetError, HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from receiver.errors import Refused, Unauthorized, Unavailable

PROBLEM = "application/problem+json"
SERVER = "spapi-router"
"""What answers say of the program: its name, and no version to look faults up by (RFC 9110, section 10.2.4)."""


def problem(status: int, reason: str, detail: str, retry_after: float | None = None) -> web.Response:
    """A problem document; `reason` is a short constant that programs can rely on."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    headers = {"Retry-After": str(max(1, round(retry_after)))} if retry_after is not None else None
    return web.Response(
        status=status, body=orjson.dumps(body | {"reason": reason}), content_type=PROBLEM, headers=headers
    )


def answer_for(error: Refused | Unavailable) -> web.Response:
    """The answer that makes SNS do the right thing: 4xx is given up, 503 sent again, 401 repeated with credentials.

    Amazon SNS Developer Guide: "Message delivery retries", "Fanout to HTTPS endpoints".
    """
    if isinstance(error, Unavailable):
        return problem(503, error.reason, error.detail, error.retry_after)
    answer = problem(error.status, error.reason, error.detail)
    if isinstance(error, Unauthorized):
        answer.headers["WWW-Authenticate"] = 'Basic realm="spapi-router", charset="UTF-8"'
    return answer


def dated(response: web.Response, at: float) -> web.Response:
    """An answer with the fields that aiohttp would add at a time, seconds since the epoch.

    RFC 9110, section 6.6.1: a 2xx or 4xx of an origin server with a clock has a Date.
    """
    response.headers["Date"] = formatdate(at, usegmt=True)
    response.headers["Server"] = SERVER
    return response


def raw(response: web.Response) -> bytes:
    """An answer as the bytes that go over a connection."""
    body = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items() if name.lower() != "content-length"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


class Ready(web.StreamResponse):
    """A 200 with a text that is the same each time: on a connection that stays open its bytes go out as they are.

    It keeps nothing of a request, so that one object answers all. They differ by the second alone, in their Date.
    """

    def __init__(self, text: str, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        super().__init__()
        self._text = text
        self._clock = clock
        self._second = -1
        self._bytes = b""

    @staticmethod
    def fits(request: web.BaseRequest) -> bool:
        """Whether a request can be answered so: with HTTP/1.1, and not as the last one of its connection."""
        return request.version == HttpVersion11 and request.keep_alive

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write all of it. Raises ClientConnectionResetError where the connection has ended."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("the connection ended before its answer")
        transport.write(self.now())
        await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: `prepare` has written the end, too."""

    def now(self) -> bytes:
        """All of it, as it is to be sent now."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._bytes = second, raw(dated(web.Response(text=self._text), second))
        return self._bytes
