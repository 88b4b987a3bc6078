import asyncio
import contextlib
import gzip
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from handlers.base import Dead, Delivery, Done, HandlerError, Retry
from handlers.forward import ForwardSettings
from handlers.webhooks import SignatureError, parse_secret, verify

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_" + "QUJD" * 10

Deliver = Callable[..., Delivery]


def answering(status: int, body: bytes = b"", **headers: str) -> Callable[[web.Request], Any]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def put(path: Path, text: str | None) -> None:
    """Write a file anew, or remove it."""
    if text is None:
        path.unlink()
    else:
        path.write_text(text)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(OLD + "\n")
    return path


async def test_a_notification_is_posted_as_json(sink: Any, make: Any, delivery: Deliver, clock: Any) -> None:
    handler = await make("forward", url=sink.url("/hooks/orders?a=1"), allow_private=True)
    outcome = await handler.handle(delivery())
    assert outcome == Done(result=b"thanks", status=200, detail="200 OK", response=b"thanks")
    arrival = sink.only
    assert (arrival.method, arrival.path) == ("POST", "/hooks/orders?a=1")
    assert json.loads(arrival.body) == {k: v for k, v in delivery().document.items() if k != "message"}
    expected = {
        "Host": f"127.0.0.1:{sink.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(arrival.body)),
        "User-Agent": f"spapi-router/{version('spapi-router')}",
        "Idempotency-Key": "dlv_7",
        "webhook-id": "dlv_7",
        "webhook-timestamp": str(int(clock.now)),
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    assert dict(arrival.headers) == expected


async def test_a_signature_proves_the_sender(sink: Any, make: Any, delivery: Deliver, secret: Path, clock: Any) -> None:
    handler = await make("forward", url=sink.url(), secret={"file": str(secret)}, allow_private=True)
    await handler.handle(delivery())
    verify(sink.only.headers, sink.only.body, [parse_secret(OLD)], clock())
    with pytest.raises(SignatureError):
        verify(sink.only.headers, sink.only.body, [parse_secret(NEW)], clock())


async def test_two_secrets_sign_while_one_replaces_the_other(
    sink: Any, make: Any, delivery: Deliver, secret: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_SECRET", NEW)
    secrets = [{"env": "NEW_SECRET"}, {"file": str(secret)}]
    handler = await make("forward", url=sink.url(), secret=secrets, allow_private=True)
    await handler.handle(delivery())
    for text in (OLD, NEW):
        verify(sink.only.headers, sink.only.body, [parse_secret(text)], clock())


async def test_a_secret_that_is_changed_is_taken_in(
    sink: Any, make: Any, delivery: Deliver, secret: Path, clock: Any
) -> None:
    handler = await make("forward", url=sink.url(), secret={"file": str(secret)}, allow_private=True)
    await handler.handle(delivery())
    put(secret, NEW)
    clock.now += 3
    await handler.handle(delivery())
    for arrival, text in zip(sink.arrivals, (OLD, NEW), strict=True):
        verify(arrival.headers, arrival.body, [parse_secret(text)], clock())


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read"), ("hunter2!", "is not base64: make one with `openssl rand")]
)
async def test_a_secret_that_is_lost_is_waited_for(
    sink: Any, make: Any, delivery: Deliver, secret: Path, clock: Any, text: str | None, words: str
) -> None:
    handler = await make("forward", url=sink.url(), secret={"file": str(secret)}, allow_private=True)
    put(secret, text)
    clock.now += 3
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert words in outcome.reason
    assert str(secret) in outcome.reason
    assert "hunter2" not in outcome.reason
    put(secret, OLD)
    assert isinstance(await handler.handle(delivery()), Done)


async def test_a_secret_that_cannot_be_used_stops_the_start(make: Any, secret: Path) -> None:
    put(secret, "whsec_c2hvcnQ=")
    with pytest.raises(HandlerError, match="holds 5 bytes, not 24 to 64"):
        await make("forward", url="https://erp.example.com/", secret={"file": str(secret)})


@pytest.mark.parametrize(
    "keys",
    [
        {"headers": {"X-Key": {"env": "NOT_SET_HERE"}}},
        {"auth": {"type": "bearer", "token": {"env": "NOT_SET_HERE"}}},
        {"auth": {"type": "basic", "username": "u", "password": {"env": "NOT_SET_HERE"}}},
        {
            "auth": {
                "type": "oauth2",
                "token_url": "https://login.example.com/",
                "client_id": "i",
                "client_secret": {"env": "NOT_SET_HERE"},
            }
        },
    ],
)
async def test_every_secret_is_tried_at_the_start(make: Any, keys: dict[str, Any]) -> None:
    with pytest.raises(HandlerError, match="environment variable NOT_SET_HERE is not set"):
        await make("forward", url="https://erp.example.com/", **keys)


async def test_a_large_body_arrives_whole(sink: Any, make: Any, delivery: Deliver, secret: Path, clock: Any) -> None:
    handler = await make("forward", url=sink.url(), secret={"file": str(secret)}, allow_private=True)
    body = os.urandom(3 << 20)
    assert isinstance(await handler.handle(delivery(body=body)), Done)
    assert sink.only.body == body
    assert sink.only.headers["Content-Length"] == str(len(body))
    assert "Content-Disposition" not in sink.only.headers
    verify(sink.only.headers, body, [parse_secret(OLD)], clock())


async def test_a_chain_sends_the_result_byte_for_byte(sink: Any, make: Any, delivery: Deliver) -> None:
    handler = await make("forward", url=sink.url(), allow_private=True)
    await handler.handle(delivery(body=b'{ "spaced" : 1.0 }'))
    assert sink.only.body == b'{ "spaced" : 1.0 }'


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_the_method_is_the_one_asked_for(sink: Any, make: Any, delivery: Deliver, method: str) -> None:
    handler = await make("forward", url=sink.url(), method=method, allow_private=True)
    await handler.handle(delivery())
    assert sink.only.method == method


async def test_a_url_takes_values_that_cannot_break_out(sink: Any, make: Any, delivery: Deliver) -> None:
    url = sink.url("/orders/{payload.id}/x?seller={seller_id}&b=%20")
    handler = await make("forward", url=url, allow_private=True)
    document = {"payload": {"id": "a/b?c#d&e é%2e"}, "seller_id": "A&role=admin"}
    assert isinstance(await handler.handle(delivery(document)), Done)
    assert sink.only.path == "/orders/a%2Fb%3Fc%23d%26e%20%C3%A9%252e/x?seller=A%26role%3Dadmin&b=%20"


@pytest.mark.parametrize(("value", "words"), [("..", "step to another directory"), (".", "step"), ("", "is empty")])
async def test_a_value_that_would_change_the_path_is_dead(
    sink: Any, make: Any, delivery: Deliver, value: str, words: str
) -> None:
    handler = await make("forward", url=sink.url("/orders/{payload.id}"), allow_private=True)
    outcome = await handler.handle(delivery({"payload": {"id": value}}))
    assert isinstance(outcome, Dead)
    assert words in outcome.reason
    assert sink.arrivals == []


async def test_a_missing_field_is_dead_and_named(sink: Any, make: Any, delivery: Deliver) -> None:
    handler = await make("forward", url=sink.url("/{payload.nothing}"), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Dead)
    assert "payload.nothing" in outcome.reason


async def test_of_several_missing_fields_that_of_the_url_is_named(sink: Any, make: Any, delivery: Deliver) -> None:
    handler = await make(
        "forward", url=sink.url("/{payload.nothing}"), body={"json": {"a": "{payload.more}"}}, allow_private=True
    )
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Dead)
    assert "payload.nothing" in outcome.reason


async def test_headers_take_templates_and_secrets(sink: Any, make: Any, delivery: Deliver, secret: Path) -> None:
    headers = {
        "X-Seller": "s-{seller_id}",
        "x-api-key": {"file": str(secret)},
        "user-agent": "erp",
        "Content-Type": "a/b",
    }
    handler = await make("forward", url=sink.url(), headers=headers, allow_private=True)
    await handler.handle(delivery())
    got = sink.only.headers
    assert (got["X-Seller"], got["X-Api-Key"]) == ("s-A1", OLD)
    assert got.getall("User-Agent") == ["erp"]
    assert got.getall("Content-Type") == ["a/b"]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7f"])
async def test_a_header_cannot_be_split(sink: Any, make: Any, delivery: Deliver, value: str) -> None:
    handler = await make("forward", url=sink.url(), headers={"X-Seller": "{seller_id}"}, allow_private=True)
    outcome = await handler.handle(delivery({"seller_id": value}))
    assert isinstance(outcome, Dead)
    assert "headers.X-Seller: the value holds a line break" in outcome.reason
    assert sink.arrivals == []


async def test_compression_is_undone_by_the_receiver(
    sink: Any, make: Any, delivery: Deliver, secret: Path, clock: Any
) -> None:
    handler = await make(
        "forward", url=sink.url(), compression="gzip", secret={"file": str(secret)}, allow_private=True
    )
    big = json.dumps({"a": "b" * 200_000}).encode()
    for body in (b"{}", big):
        sink.arrivals.clear()
        await handler.handle(delivery(body=body))
        assert sink.only.headers["Content-Encoding"] == "gzip"
        assert sink.only.body == body  # undone by the server
        verify(sink.only.headers, sink.only.body, [parse_secret(OLD)], clock())
    assert int(sink.only.headers["Content-Length"]) == len(gzip.compress(big, 6))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_done(sink: Any, make: Any, delivery: Deliver, status: int) -> None:
    sink.answer = answering(status, X_Request_Id="r-1")
    handler = await make("forward", url=sink.url(), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Done)
    assert (outcome.status, outcome.result, outcome.request_id) == (status, b"", "r-1")


@pytest.mark.parametrize("status", [400, 401, 404, 408, 409, 422, 429, 500, 502, 503, 599])
async def test_a_failure_is_tried_again(sink: Any, make: Any, delivery: Deliver, status: int) -> None:
    sink.answer = answering(status, b"x" * 10_000, X_Request_Id="r-1")
    handler = await make("forward", url=sink.url(), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert (outcome.status, outcome.response, outcome.request_id) == (status, b"x" * 4096, "r-1")
    assert f"the destination answered {status}" in outcome.reason


async def test_gone_is_dead_at_once_and_the_list_is_the_operators(sink: Any, make: Any, delivery: Deliver) -> None:
    sink.answer = answering(410, b"moved away")
    outcome = await (await make("forward", url=sink.url(), allow_private=True)).handle(delivery())
    assert isinstance(outcome, Dead)
    assert (outcome.status, outcome.response) == (410, b"moved away")
    other = await make("forward", url=sink.url(), permanent=[400, 422], allow_private=True)
    assert isinstance(await other.handle(delivery()), Retry)
    sink.answer = answering(422)
    assert isinstance(await other.handle(delivery()), Dead)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(sink: Any, make: Any, delivery: Deliver, status: int) -> None:
    sink.answer = answering(status, Location="http://169.254.169.254/latest")
    handler = await make("forward", url=sink.url(), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Dead)
    assert "redirects are not followed: put 'http://169.254.169.254/latest' in url" in outcome.reason
    assert len(sink.arrivals) == 1


@pytest.mark.parametrize(
    ("value", "after"),
    [("120", 120.0), ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0), ("soon", None), ("999999999", 86400.0)],
)
async def test_retry_after_is_honoured(
    sink: Any, make: Any, delivery: Deliver, clock: Any, value: str, after: float | None
) -> None:
    assert clock.now == 1_800_000_000  # Fri, 15 Jan 2027 08:00:00 GMT
    sink.answer = answering(503, Retry_After=value)
    outcome = await (await make("forward", url=sink.url(), allow_private=True)).handle(delivery())
    assert isinstance(outcome, Retry)
    assert outcome.after == after


async def test_connections_are_used_again(sink: Any, make: Any, delivery: Deliver) -> None:
    handler = await make("forward", url=sink.url(), allow_private=True)
    sink.answer = answering(500, b"x" * 4096)
    for _ in range(3):
        await handler.handle(delivery())
    assert len({arrival.peer for arrival in sink.arrivals}) == 1


async def test_cookies_are_neither_kept_nor_sent(sink: Any, make: Any, delivery: Deliver) -> None:
    sink.answer = answering(200, Set_Cookie="a=b; Path=/")
    handler = await make("forward", url=sink.url(), allow_private=True)
    for _ in range(2):
        await handler.handle(delivery())
    assert all("Cookie" not in arrival.headers for arrival in sink.arrivals)


async def test_proxies_of_the_environment_are_not_used(
    sink: Any, make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    monkeypatch.delenv("no_proxy", raising=False)
    handler = await make("forward", url=sink.url(), allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)


async def test_an_answer_that_is_too_long_is_cut_and_said(
    sink: Any, make: Any, delivery: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    cut = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(10_000):
                await response.write(b"x" * 65536)
        cut.set()
        return response

    sink.answer = endless
    handler = await make("forward", url=sink.url(), max_answer="100KiB", allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Done)
    assert outcome.result is None
    assert outcome.response == b"x" * 4096
    assert "longer than max_answer (102400 bytes)" in outcome.detail
    assert [record.message for record in caplog.records] == ["result_too_long"]
    await cut.wait()


async def test_an_answer_in_pieces_is_put_together(sink: Any, make: Any, delivery: Deliver) -> None:
    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"a"', b":", b"1}"):
            await response.write(piece)
            await asyncio.sleep(0)
        return response

    sink.answer = pieces
    handler = await make("forward", url=sink.url(), max_answer=7, allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Done)
    assert outcome.result == b'{"a":1}'


async def test_a_cancelled_attempt_gives_its_connection_up(sink: Any, make: Any, delivery: Deliver) -> None:
    arrived = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        return web.Response()

    sink.answer = hang
    handler = await make("forward", url=sink.url(), allow_private=True)
    attempt = asyncio.create_task(handler.handle(delivery()))
    await arrived.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    sink.answer = None
    assert isinstance(await handler.handle(delivery()), Done)
    assert sink.arrivals[0].peer != sink.arrivals[1].peer


async def test_a_preview_shows_the_request_without_secrets(
    make: Any, delivery: Deliver, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    handler = await make(
        "forward",
        url="https://erp.example.com/o/{seller_id}",
        secret=[{"file": str(secret)}, {"file": str(secret)}],
        headers={"X-Key": {"env": "PASSWORD"}, "X-Type": "{type}"},
        auth={"type": "basic", "username": "u", "password": {"env": "PASSWORD"}},
        compression="gzip",
    )
    monkeypatch.delenv("PASSWORD")
    (request,) = handler.preview(delivery())
    assert request.summary == "POST https://erp.example.com/o/A1"
    assert request.headers["webhook-signature"] == "v1,*** v1,***"
    assert request.headers["Authorization"] == "Basic ***"
    assert (request.headers["X-Key"], request.headers["X-Type"]) == ("***", "ORDER_CHANGE")
    assert request.body is not None
    assert json.loads(request.body)["seller_id"] == "A1"
    assert OLD.removeprefix("whsec_") not in repr(request)
    with pytest.raises(HandlerError, match="seller_id"):
        handler.preview(delivery({}))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"url": "ftp://a/"}, "a url begins with https:// or http://"),
        ({"url": 7}, "a URL is expected"),
        ({"url": "https://u:hunter2@a.example.com/"}, "no credentials in url: use auth"),
        ({"url": "https://{type}.example.com/"}, "the host of a url is fixed"),
        ({"url": "https:///x"}, "is not a host"),
        ({"url": "https://a b/"}, "is not a host"),
        ({"url": "https://a.example.com:99999/"}, "is not a host"),
        ({"url": "https://a.example.com/#x"}, 'a fragment ("#") is never sent'),
        ({"url": "https://a.example.com/a b"}, "' ' cannot stand in a url: write it as %20"),
        ({"url": "https://a.example.com/ü"}, "write it as %C3%BC"),
        ({"url": "https://a.example.com/{{x}}"}, "write it as %7B"),
        ({"url": "https://a.example.com/{x|nope}"}, "url: template"),
        ({"url": "https://a.example.com/a/../b"}, "step to another directory"),
        ({"url": "http://127.0.0.1/"}, "127.0.0.1 is loopback: set allow_private = true"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "::ffff:a00:1 is private"),
        ({"url": "http://LocalHost./"}, "is loopback"),
        ({"secret": "whsec_hunter2"}, "a secret is never written here"),
        ({"secret": []}, "the list is empty"),
        ({"secret": [{"env": "A"}, "hunter2"]}, "a secret is never written here"),
        ({"headers": {"X A": "b"}}, "'X A' is not a header's name"),
        ({"headers": {"Host": "b"}}, "Host is set by the connection itself"),
        ({"headers": {"Webhook-Id": "b"}}, "Webhook-Id belongs to the signature"),
        ({"headers": {"X-A": "b", "x-a": "c"}}, "X-A and x-a are the same header"),
        ({"headers": {"X-A": "{b"}}, "template"),
        ({"headers": {"X-A": 7}}, "a text is expected, or a secret"),
        ({"permanent": [404, 200]}, "200 is not a failure"),
        ({"auth": {"type": "basic", "username": "a:b", "password": {"env": "P"}}}, "may not hold a colon"),
        (
            {"auth": {"type": "bearer", "token": {"env": "P"}}, "headers": {"authorization": "x"}},
            "both set Authorization",
        ),
        ({"tls": {"key": "k.pem"}}, "key is set without certificate"),
        ({"tls": {}, "url": "http://a.example.com/"}, "tls is set, but url begins with http://"),
        ({"connect_timeout": "0s"}, "longer than nothing"),
        ({"body": "notifications"}, "did you mean 'notification'?"),
        ({"methd": "PUT"}, "Extra inputs are not permitted"),
        (
            {
                "auth": {
                    "type": "oauth2",
                    "token_url": "https://10.0.0.1/t",
                    "client_id": "i",
                    "client_secret": {"env": "P"},
                }
            },
            "10.0.0.1 is private",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused_with_the_cure(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ForwardSettings.model_validate({"url": "https://erp.example.com/"} | keys)
    assert words in str(caught.value)
    assert "hunter2" not in "".join(error["msg"] for error in caught.value.errors())


def test_files_are_seen_from_the_rules_file() -> None:
    keys = {
        "url": "https://erp.example.com/",
        "secret": {"file": "hook"},
        "headers": {"X-Key": {"file": "key"}},
        "tls": {"ca": "ca.pem"},
    }
    settings = ForwardSettings.model_validate_json(json.dumps(keys), context={"directory": Path("/etc/router")})
    assert [secret.name for secret in settings.secret] == [os.fspath(Path("/etc/router/hook"))]
    assert settings.headers["X-Key"].name == "/etc/router/key"
    assert settings.tls is not None
    assert settings.tls.ca == Path("/etc/router/ca.pem")
