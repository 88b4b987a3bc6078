"""The peers do what they are compared for: Express verifies each push and keeps it once, webhook takes all."""

import http.client
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from bench.ingest import signed_messages
from bench.peers import SNS
from bench.peers._programs import HERE, PeerMissing, Served, express, install_express, webhook
from receiver.simulators.sns import Authority

INSTALLED = shutil.which("node") and (HERE / "express/node_modules").exists()


@contextmanager
def connected(served: Served) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(served.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    yield connection
    connection.close()


def answer(connection: http.client.HTTPConnection, request: bytes) -> tuple[int, str]:
    connection.request("POST", "/sns", request.partition(b"\r\n\r\n")[2], {"Content-Type": "text/plain"})
    response = connection.getresponse()
    return response.status, response.read().decode()


@pytest.mark.skipif(not INSTALLED, reason="node or the packages of bench/peers/express are not here")
def test_express_verifies_and_keeps_each_push_once() -> None:
    authority, stranger = Authority.create(), Authority.create()
    one, two = signed_messages(authority, 2, SNS)
    forged = signed_messages(stranger, 1, SNS)[0]
    with express(authority.certificate, "full") as served, connected(served) as connection:
        assert answer(connection, one) == (200, "accepted")
        assert answer(connection, one) == (200, "duplicate")
        assert answer(connection, two) == (200, "accepted")
        assert answer(connection, forged)[0] == 403
        assert served.cpu > 0


@pytest.mark.skipif(shutil.which("webhook") is None, reason="Debian's webhook is not here")
def test_webhook_takes_whatever_comes() -> None:
    with webhook() as served, connected(served) as connection:
        assert answer(connection, b"\r\n\r\nanything")[0] == 200


def test_a_peer_that_is_not_here_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PeerMissing, match="webhook is not here, so this peer is left out: apt-get install webhook"):
        webhook().__enter__()
    with pytest.raises(PeerMissing, match="node is not here"):
        express(b"", "full").__enter__()
    with pytest.raises(PeerMissing, match="npm is not here"):
        install_express(HERE)
