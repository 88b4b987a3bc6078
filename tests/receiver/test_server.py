"""The public listener: what each request is answered, and what must not happen."""

import asyncio
import base64
import json
import os
import signal
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from receiver.arrival import Arrivals
from receiver.inbox import NotificationFilter
from receiver.responses import Ready
from receiver.simulators.sns import Flavour, Push, SimulatedSns

RULES = '[handlers.log]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n'


def push_of(sns: SimulatedSns, message: str = "hello", **changes: Any) -> Push:
    arguments = {"subscription": f"{sns.topic}:1", "sent_at": sns.clock()} | changes
    return sns.messages().notification(message, **arguments)


def altered(push: Push, **fields: Any) -> Push:
    body = {name: value for name, value in (json.loads(push.body) | fields).items() if value is not ...}
    headers = {name: value for name, value in push.headers.items() if not name.lower().startswith("x-amz-sns-")}
    return Push(push.message_id, headers, json.dumps(body).encode())


CASES: dict[str, tuple[int, str, dict[str, Any]]] = {
    "signature of another text": (403, "signature", {"Message": "HELLO"}),
    "no signature": (400, "", {"Signature": ...}),
    "empty signature": (403, "signature", {"Signature": ""}),
    "signature version 3": (403, "signature_version", {"SignatureVersion": "3"}),
    "a number for a text": (400, "", {"Message": 7}),
    "null for a text": (400, "", {"Subject": None}),
    "no topic": (400, "", {"TopicArn": ...}),
    "a stranger's topic": (403, "topic_not_allowed", {"TopicArn": "arn:aws:sns:us-east-1:999999999999:sp-api"}),
    "no ARN": (400, "", {"TopicArn": "topic"}),
    "certificate of a bucket": (
        403,
        "certificate_url",
        {"SigningCertURL": "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem"},
    ),
    "unknown type": (400, "", {"Type": "Invitation"}),
    "no time": (400, "", {"Timestamp": "soon"}),
    "an old message": (403, "too_old", {"Timestamp": "2020-01-01T00:00:00.000Z"}),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_not_proven_is_refused_for_good(
    start_router: Any, write_rules: Any, sns: SimulatedSns, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, reason, fields = CASES[name]
    router = await start_router(write_rules(RULES))
    answer = await sns.deliver(router.url, altered(push_of(sns), **fields))
    problem = json.loads(answer.text)
    assert (answer.status, problem["status"]) == (status, status)
    assert reason in {"", problem["reason"]}
    assert await router.inbox.notifications(NotificationFilter()) == []
    refusal = next(record for record in caplog.records if record.getMessage() == "push_refused")
    assert refusal.facts["reason"] == problem["reason"]  # type: ignore[attr-defined]
    async with aiohttp.ClientSession() as client, client.get(f"{router.admin}/metrics") as metrics:
        assert f'spapi_router_refused_total{{reason="{problem["reason"]}"}} 1.0' in await metrics.text()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{}",
        b'{"Type": "Notification"}',
        b"[" * 5000,
    ],
)
async def test_what_is_no_sns_message_is_a_bad_request(start_router: Any, write_rules: Any, body: bytes) -> None:
    router = await start_router(write_rules(RULES))
    async with aiohttp.ClientSession() as client, client.post(router.url, data=body) as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"


async def test_headers_that_disagree_and_raw_deliveries(start_router: Any, write_rules: Any, sns: SimulatedSns) -> None:
    router = await start_router(write_rules(RULES))
    push = push_of(sns)
    for name, value, status in [
        ("x-amz-sns-message-id", str(uuid4()), 400),
        ("x-amz-sns-message-type", "SubscriptionConfirmation", 400),
        ("x-amz-sns-topic-arn", sns.topic + "x", 400),
        ("x-amz-sns-rawdelivery", "true", 403),
    ]:
        answer = await sns.deliver(router.url, Push(push.message_id, {**push.headers, name: value}, push.body))
        assert answer.status == status, name


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_too_large(start_router: Any, write_rules: Any, declared: bool) -> None:
    router = await start_router(write_rules(RULES, server='max_body = "2KiB"'))

    async def pieces() -> Any:
        for _ in range(3):
            yield b" " * 1024

    data = b" " * 3072 if declared else pieces()
    async with aiohttp.ClientSession() as client, client.post(router.url, data=data) as answer:
        assert answer.status == 413


async def test_other_paths_and_methods(start_router: Any, write_rules: Any) -> None:
    router = await start_router(write_rules(RULES))
    async with aiohttp.ClientSession() as client:
        async with client.get(router.url) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        async with client.post(router.url + "/more") as answer:
            assert answer.status == 404
        async with client.post(router.url + "?a=1", data=b"{}") as answer:
            assert answer.status == 400


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /sns HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
        b"not HTTP\r\n\r\n",
    ],
)
async def test_an_answer_names_the_program_and_no_version(start_router: Any, write_rules: Any, request_: bytes) -> None:
    router = await start_router(write_rules(RULES))
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(router.url).port)
    writer.write(request_)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    assert [line for line in head.splitlines() if line.startswith("Server:")] == ["Server: spapi-router"]


async def test_a_sender_that_breaks_off_leaves_no_trace(start_router: Any, write_rules: Any, sns: SimulatedSns) -> None:
    router = await start_router(write_rules(RULES))
    host, port = router.daemon.addresses[0].rsplit(":", 1)
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /sns HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    answer = await sns.deliver(router.url, push_of(sns))
    assert answer.status == 200


async def test_bodies_that_never_end_take_no_more_memory_than_is_given_to_them(
    start_router: Any, write_rules: Any, sns: SimulatedSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection could have a megabyte kept for ten seconds, however many there were."""
    router = await start_router(write_rules(RULES))
    monkeypatch.setattr(router.parts.server, "arrivals", Arrivals(1 << 20, 10.0, 100_000))
    port = urlsplit(router.url).port
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    for _, writer in pairs:
        writer.write(b"POST /sns HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n" + b" " * 80_000)
    ended = [asyncio.ensure_future(reader.readuntil(b"\r\n\r\n")) for reader, _ in pairs]
    async with asyncio.timeout(8):
        first, _ = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    assert all(head.result().startswith(b"HTTP/1.1 503 ") for head in first)
    monkeypatch.setattr(router.parts.server, "fits", lambda *_: False)
    assert (await sns.deliver(router.url, push_of(sns))).status == 200, "a small one is read all the same"
    for each in ended:
        each.cancel()
    for _, writer in pairs:
        writer.close()


async def test_a_body_that_cannot_be_read_for_want_of_memory_is_asked_for_again(
    start_router: Any, write_rules: Any, sns: SimulatedSns, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    router = await start_router(write_rules(RULES))

    async def body(_request: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr(router.parts.server.arrivals, "read", body)
    monkeypatch.setattr(router.parts.server, "fits", lambda *_: False)
    answer = await sns.deliver(router.url, push_of(sns))
    assert (answer.status, json.loads(answer.text)["reason"]) == (503, "internal")
    assert [record for record in caplog.records if record.getMessage() == "push_failed"]


async def test_credentials_of_the_subscribed_url(
    start_router: Any, write_rules: Any, sns: SimulatedSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNS_PASSWORD", "geheim:ü")
    router = await start_router(
        write_rules(RULES, server='basic_auth = { username = "sns", password = { env = "SNS_PASSWORD" } }')
    )
    push = push_of(sns)
    async with aiohttp.ClientSession() as client:
        async with client.post(router.url, data=push.body, headers=push.headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
        wrong = {"Authorization": "Basic " + base64.b64encode(b"sns:falsch").decode()}
        async with client.post(router.url, data=push.body, headers={**push.headers, **wrong}) as answer:
            assert answer.status == 401
        right = {"Authorization": "Basic " + base64.b64encode("sns:geheim:ü".encode()).decode()}
        async with client.post(router.url, data=push.body, headers={**push.headers, **right}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        ("", "203.0.113.9", "127.0.0.1"),
        ('trusted_proxies = ["127.0.0.1/32"]', "203.0.113.9", "203.0.113.9"),
        ('trusted_proxies = ["127.0.0.1/32"]', "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ('trusted_proxies = ["127.0.0.1/32", "10.0.0.0/8"]', "203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ('trusted_proxies = ["10.0.0.0/8"]', "203.0.113.9", "127.0.0.1"),
    ],
)
async def test_the_sender_behind_a_proxy(
    start_router: Any, write_rules: Any, proxies: str, forwarded: str, seen: str, caplog: pytest.LogCaptureFixture
) -> None:
    router = await start_router(write_rules(RULES, server=proxies))
    headers = {"X-Forwarded-For": forwarded}
    async with aiohttp.ClientSession() as client, client.post(router.url, data=b"{", headers=headers) as answer:
        assert answer.status == 400
    refusal = next(record for record in caplog.records if record.getMessage() == "push_refused")
    assert refusal.facts["remote"] == seen  # type: ignore[attr-defined]


def certificate(directory: Path, serial: int) -> bytes:
    """A self-signed certificate for 127.0.0.1 in fullchain.pem and privkey.pem; its PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), serial, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    (directory / "fullchain.pem").write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "privkey.pem").write_bytes(private)
    return pem


def serial_seen(address: str, version: ssl.TLSVersion) -> int:
    """The serial number of the certificate that a server shows to a client of one TLS version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as plain, context.wrap_socket(plain) as wrapped:
        shown = wrapped.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(shown or b"").serial_number


async def test_tls_takes_a_changed_certificate_in_and_keeps_the_old_one_when_the_new_is_bad(
    start_router: Any, write_rules: Any, tmp_path: Path
) -> None:
    certificate(tmp_path, 1)
    router = await start_router(
        write_rules(RULES, server='tls = { certificate = "fullchain.pem", key = "privkey.pem" }')
    )
    address = router.daemon.addresses[0]
    assert await asyncio.to_thread(serial_seen, address, ssl.TLSVersion.TLSv1_3) == 1
    certificate(tmp_path, 2)
    await router.daemon.reload(router.parts)
    assert await asyncio.to_thread(serial_seen, address, ssl.TLSVersion.TLSv1_2) == 2
    (tmp_path / "privkey.pem").write_text("no key")
    await router.daemon.reload(router.parts)
    assert await asyncio.to_thread(serial_seen, address, ssl.TLSVersion.TLSv1_3) == 2


async def chunked(router: Any, *pieces: bytes) -> list[bytes]:
    """The parts of the status line that answers a body in chunks of these pieces, none where there is no answer."""
    host, port = router.daemon.addresses[0].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    writer.write(b"POST /sns HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    try:
        async with asyncio.timeout(20):
            return (await reader.readline()).split()
    except ConnectionError:
        return []
    finally:
        writer.close()


async def test_who_sends_thousands_of_chunks_of_a_byte_is_hung_up_on(
    start_router: Any, write_rules: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten such senders kept others waiting for five seconds, a hundred for longer than SNS waits."""
    router = await start_router(write_rules(RULES))
    with caplog.at_level("INFO"):
        assert await chunked(router, *[b"x"] * 50_000) == []
    assert "bad_http" in [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(("size", "count"), [(1, 4000), (100, 10_000), (4096, 250), (1_000_000, 1)])
async def test_chunks_as_proxies_make_them_are_taken(
    start_router: Any, write_rules: Any, size: int, count: int
) -> None:
    router = await start_router(write_rules(RULES))
    answer = await chunked(router, *[b"x" * size] * count)
    assert answer[1] == b"400", "it was read to its end, and is no JSON"


async def test_a_handshake_that_never_comes_is_not_waited_for_long(
    start_router: Any, write_rules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it nobody knows of the connection, so that none of a crowd of them could be ended for others."""
    monkeypatch.setattr("receiver.listeners._HANDSHAKE", 0.2)
    certificate(tmp_path, 1)
    router = await start_router(
        write_rules(RULES, server='tls = { certificate = "fullchain.pem", key = "privkey.pem" }')
    )
    host, port = router.daemon.addresses[0].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_tls_1_1_is_refused(start_router: Any, write_rules: Any, tmp_path: Path) -> None:
    certificate(tmp_path, 1)
    router = await start_router(
        write_rules(RULES, server='tls = { certificate = "fullchain.pem", key = "privkey.pem" }')
    )
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.to_thread(serial_seen, router.daemon.addresses[0], ssl.TLSVersion.TLSv1_1)


async def test_a_unix_socket_and_the_leftover_of_a_killed_process(
    start_router: Any, write_rules: Any, tmp_path: Path, sns: SimulatedSns
) -> None:
    path = tmp_path / "sns.sock"
    leftover = socket.socket(socket.AF_UNIX)
    leftover.bind(str(path))
    leftover.close()
    text = write_rules(RULES).replace('listen = "127.0.0.1:0"', f'listen = "unix:{path}"', 1)
    await start_router(text)
    push = push_of(sns)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client,
        client.post("http://router/sns", data=push.body, headers=push.headers) as answer,
    ):
        assert answer.status == 200


async def test_readiness_and_health(start_router: Any, write_rules: Any) -> None:
    router = await start_router(write_rules(RULES))
    async with aiohttp.ClientSession() as client:
        for path, text in [("/healthz", "ok\n"), ("/readyz", "ready\n")]:
            async with client.get(router.admin + path) as answer:
                assert (answer.status, await answer.text()) == (200, text)


async def test_overload_and_stopping_ask_sns_to_come_again(
    start_router: Any, write_rules: Any, sns: SimulatedSns
) -> None:
    router = await start_router(write_rules(RULES))
    router.parts.ingest.most_in_flight = 0
    async with aiohttp.ClientSession() as client:
        async with client.post(router.url, data=push_of(sns).body) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert (await answer.json(content_type=None))["reason"] == "overload"
        router.parts.ingest.stop()
        async with client.post(router.url, data=push_of(sns).body) as answer:
            assert (await answer.json(content_type=None))["reason"] == "stopping"


async def test_localstack_is_believed_where_it_is_configured_and_nowhere_else(
    start_router: Any, write_rules: Any, tmp_path: Path
) -> None:
    async with SimulatedSns(flavour=Flavour.LOCALSTACK) as localstack:
        refusing = await start_router(write_rules(RULES))
        push = localstack.messages().subscription_confirmation("t" * 64, sent_at=localstack.clock())
        answer = await localstack.deliver(refusing.url, push)
        assert (answer.status, json.loads(answer.text)["reason"]) == (403, "certificate_url")
        await refusing.stop()
        certificate_path = tmp_path / "localstack.pem"
        certificate_path.write_bytes(localstack.certificate)
        believing = await start_router(write_rules(RULES + localstack.signer(str(certificate_path))))
        await localstack.subscribe(believing.url)
        answer = await localstack.publish(believing.url, "hello")
        assert (answer.status, answer.text) == (200, "accepted")


async def test_a_socket_of_the_service_manager_wins_and_sigterm_ends_in_order(
    write_rules: Any, tmp_path: Path, sns: SimulatedSns
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(write_rules(RULES))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        script = (
            f'exec 3<&{listener.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" -m receiver serve --config "$1"'
        )
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            sys.executable,
            str(rules),
            pass_fds=[listener.fileno()],
            stderr=asyncio.subprocess.PIPE,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/sns"
        answer = await sns.deliver(url, push_of(sns))
        assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    events = [line.split()[2] for line in log.decode().splitlines()]
    assert events.index("socket_inherited") < events.index("stopping") < events.index("stopped") == len(events) - 1


async def spoken(url: str, push: Push, version: str, *more: str) -> tuple[bytes, bytes, bool]:
    """A push over a connection of its own: the answer's head and body, and whether the connection stays open."""
    address = url.split("/")[2]
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = [f"{name}: {value}" for name, value in push.headers.items() if name.lower().startswith("x-amz")]
    lines = [f"POST /sns {version}", f"Host: {address}", f"Content-Length: {len(push.body)}", *headers, *more]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + push.body)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        body = await reader.readexactly(int(length.split(b":")[1]))
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        goes_on = bool(await reader.read(1))
    writer.close()
    return head, body, goes_on


@pytest.mark.parametrize(
    ("version", "more", "stays"),
    [
        ("HTTP/1.1", (), True),
        ("HTTP/1.1", ("Connection: close",), False),
        ("HTTP/1.0", (), False),
        ("HTTP/1.0", ("Connection: keep-alive",), True),
    ],
)
async def test_an_acknowledgement_is_the_same_answer_however_its_bytes_are_made(
    start_router: Any, write_rules: Any, sns: SimulatedSns, version: str, more: tuple[str, ...], stays: bool
) -> None:
    router = await start_router(write_rules(RULES))
    for text, outcome in (("one", b"accepted"), ("two", b"accepted")):
        before = datetime.now(UTC).replace(microsecond=0)
        head, body, goes_on = await spoken(router.url, push_of(sns, text), version, *more)
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        assert lines[0].endswith(" 200 OK")
        assert body == outcome
        assert fields["content-type"] == "text/plain; charset=utf-8"
        assert before <= parsedate_to_datetime(fields["date"]) <= datetime.now(UTC)
        assert fields["server"]
        assert goes_on is stays


async def test_answers_carry_the_time_of_each() -> None:
    times = iter([1_700_000_000.2, 1_700_000_000.9, 1_700_000_001.0])
    ready = Ready("accepted", clock=lambda: next(times))
    written: list[bytes] = []

    class Transport:
        closing = False

        def is_closing(self) -> bool:
            return self.closing

        def write(self, data: bytes) -> None:
            written.append(data)

    async def drain() -> None:
        pass

    transport = Transport()
    request: Any = SimpleNamespace(transport=transport, writer=SimpleNamespace(drain=drain))
    for _ in range(3):
        await ready.prepare(request)
    dates = [next(line for line in data.split(b"\r\n") if line.startswith(b"Date: ")) for data in written]
    assert dates[0] == dates[1] == b"Date: Tue, 14 Nov 2023 22:13:20 GMT"
    assert dates[2] == b"Date: Tue, 14 Nov 2023 22:13:21 GMT"
    transport.closing = True
    with pytest.raises(ConnectionError):
        await ready.prepare(request)
