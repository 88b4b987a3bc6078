"""The one place where errors become HTTP answers (RFC 9457 problem details)."""

from http import HTTPStatus

import orjson
from aiohttp import web

from receiver.errors import Refused, Unauthorized, Unavailable

PROBLEM = "application/problem+json"


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


def raw(response: web.Response) -> bytes:
    """An answer as the bytes that go over a connection which stays open."""
    body = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items() if name.lower() != "content-length"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body
