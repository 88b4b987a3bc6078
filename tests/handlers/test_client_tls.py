import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.base import Delivery, Done, HandlerError, Retry
from handlers.client_tls import ClientTls, TlsError, TlsSettings

Deliver = Callable[..., Delivery]


async def test_a_private_authority_can_be_trusted(serve: Any, make: Any, delivery: Deliver, authority: Any) -> None:
    sink = await serve(authority.server())
    handler = await make("forward", url=sink.url(), tls={"ca": str(authority.pem)}, allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)


async def test_a_certificate_of_nobody_known_is_refused_with_the_cure(
    serve: Any, make: Any, delivery: Deliver, authority: Any
) -> None:
    sink = await serve(authority.server())
    handler = await make("forward", url=sink.url(), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert (
        f"the certificate of 127.0.0.1:{sink.port} is not trusted: self-signed certificate in certificate"
        in outcome.reason
    )
    assert "name the certificate authority as tls.ca" in outcome.reason
    assert sink.arrivals == []


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"name": "127.0.0.2"}, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ({"days": -1}, "certificate has expired"),
    ],
)
async def test_the_certificate_is_verified_under_a_private_authority_too(
    serve: Any, make: Any, delivery: Deliver, authority: Any, server: dict[str, Any], words: str
) -> None:
    sink = await serve(authority.server(**server))
    handler = await make("forward", url=sink.url(), tls={"ca": str(authority.pem)}, allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert words in outcome.reason


async def test_a_client_certificate_is_shown(serve: Any, make: Any, delivery: Deliver, authority: Any) -> None:
    sink = await serve(authority.server(clients=True))
    certificate, key = authority.issue("router")
    tls = {"ca": str(authority.pem), "certificate": str(certificate), "key": str(key)}
    handler = await make("forward", url=sink.url(), tls=tls, allow_private=True)
    assert isinstance(await handler.handle(delivery()), Done)


def refuse_one(listener: socket.socket, tls: ssl.SSLContext) -> None:
    """Take one connection whose handshake fails. Blocking, because asyncio's servers drop the alert."""
    connection, _ = listener.accept()
    with connection, pytest.raises(ssl.SSLError):
        tls.wrap_socket(connection, server_side=True)


@pytest.mark.parametrize("issuer", [None, "stranger"])
async def test_a_server_that_wants_another_client_certificate(
    make: Any, delivery: Deliver, authority: Any, stranger: Any, issuer: str | None
) -> None:
    server = authority.server(clients=True)
    server.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 refuses only after the handshake
    tls = {"ca": str(authority.pem)}
    if issuer:
        certificate, key = stranger.issue("router")
        tls |= {"certificate": str(certificate), "key": str(key)}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(asyncio.to_thread(refuse_one, listener, server))
        handler = await make("forward", url=f"https://127.0.0.1:{port}/", tls=tls, allow_private=True)
        outcome = await handler.handle(delivery())
        await serving
    assert isinstance(outcome, Retry)
    assert f"TLS with 127.0.0.1:{port} fails: " in outcome.reason
    assert "set tls.certificate and tls.key" in outcome.reason


async def test_a_refusal_after_the_handshake_is_a_failure(
    serve: Any, make: Any, delivery: Deliver, authority: Any
) -> None:
    sink = await serve(authority.server(clients=True))
    handler = await make("forward", url=sink.url(), tls={"ca": str(authority.pem)}, allow_private=True)
    assert isinstance(await handler.handle(delivery()), Retry)
    assert sink.arrivals == []


async def test_http_behind_an_https_url_is_named(sink: Any, make: Any, delivery: Deliver) -> None:
    handler = await make("forward", url=sink.url().replace("http:", "https:"), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert f"127.0.0.1:{sink.port} does not speak TLS: is it http:// or another port?" in outcome.reason


async def test_https_behind_an_http_url_is_a_failure(serve: Any, make: Any, delivery: Deliver, authority: Any) -> None:
    sink = await serve(authority.server())
    handler = await make("forward", url=sink.url().replace("https:", "http:"), allow_private=True)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert "the server closed the connection without an answer" in outcome.reason


def context_of(clock: Any, **files: Path) -> ClientTls:
    return ClientTls(TlsSettings.model_validate(files), clock)


def test_a_renewed_certificate_is_taken_in(authority: Any, clock: Any) -> None:
    certificate, key = authority.issue("router")
    tls = context_of(clock, ca=authority.pem, certificate=certificate, key=key)
    first = tls.context()
    clock.now += 60
    assert tls.context() is first
    authority.issue("router")
    os.utime(certificate, ns=(1, 1))
    assert tls.context() is first
    clock.now += 60
    assert tls.context() is not first


def test_files_that_cannot_be_used_are_named(authority: Any, stranger: Any, clock: Any, tmp_path: Path) -> None:
    certificate, key = authority.issue("router")
    _, foreign = stranger.issue("router")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    cases: list[tuple[dict[str, Path], str]] = [
        ({"ca": tmp_path / "gone.pem"}, f"tls: {tmp_path}/gone.pem cannot be read: No such file"),
        ({"ca": empty}, f"tls.ca: {empty} is not a PEM file"),
        ({"certificate": empty}, f"tls.certificate: {empty} cannot be used"),
        ({"certificate": certificate}, f"tls.certificate: {certificate} cannot be used"),
        ({"certificate": certificate, "key": foreign}, f"{certificate} with {foreign} cannot be used"),
    ]
    for files, words in cases:
        with pytest.raises(TlsError) as caught:
            context_of(clock, **files).context()
        assert words in str(caught.value)
    assert context_of(clock, certificate=certificate, key=key).context()


def test_a_key_with_a_password_does_not_ask_the_terminal(authority: Any, clock: Any) -> None:
    certificate, key = authority.issue("router", password=b"hunter2")
    with pytest.raises(TlsError, match="have no password"):
        context_of(clock, certificate=certificate, key=key).context()


async def test_files_are_tried_at_the_start(make: Any, tmp_path: Path) -> None:
    with pytest.raises(HandlerError, match=r"gone\.pem cannot be read"):
        await make("forward", url="https://erp.example.com/", tls={"ca": str(tmp_path / "gone.pem")})
