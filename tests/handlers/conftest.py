"""A web server on this machine that records what arrives, and handlers that run as in the daemon."""

import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from handlers import registry
from handlers.base import Delivery, Handler, HandlerContext
from handlers.settings import Secret
from handlers.spapi.service import Account, Application, Credentials, Endpoints, MemoryTokenStore, connect
from handlers.spapi.shared import SharedClient
from receiver.simulators.spapi import Settings, SimulatedSpapi

DOCUMENT = {
    "type": "ORDER_CHANGE",
    "event_time": "2026-03-01T10:00:00.000Z",
    "notification_id": "n-1",
    "seller_id": "A1",
    "payload": {"OrderChangeNotification": {"AmazonOrderId": "111-2223334-5556667"}},
    "topic": "arn:aws:sns:us-east-1:123456789012:sp-api-orders",
    "message": {"NotificationType": "ORDER_CHANGE"},
}


@dataclass
class Clock:
    """Time as a test sets it."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Arrival:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: Any
    """Which connection it came over."""


Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Sink:
    """Records requests; answers 200 until `answer` is set."""

    port: int = 0
    scheme: str = "http"
    arrivals: list[Arrival] = field(default_factory=list)
    answer: Answers | None = None

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        assert request.transport is not None
        peer = request.transport.get_extra_info("peername")
        self.arrivals.append(Arrival(request.method, request.raw_path, request.headers, body, peer))
        return await self.answer(request) if self.answer else web.Response(text="thanks")

    @property
    def only(self) -> Arrival:
        assert len(self.arrivals) == 1
        return self.arrivals[0]


Serve = Callable[..., Awaitable[Sink]]
Make = Callable[..., Awaitable[Handler[Any]]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start sinks that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0) -> Sink:
            sink = Sink(scheme="https" if tls else "http")
            runner = web.ServerRunner(web.Server(sink.take, access_log=None), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, address, port, ssl_context=tls).start()
            sink.port = runner.addresses[0][1]
            return sink

        yield start


@pytest.fixture
async def sink(serve: Serve) -> Sink:
    return await serve()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def make(tmp_path: Path, clock: Clock) -> AsyncIterator[Make]:
    """Start handlers from the keys of a rules file; they are closed with the test."""
    async with AsyncExitStack() as stack:

        async def start(type_name: str, services: Mapping[str, Any] | None = None, **keys: Any) -> Handler[Any]:
            handler_class = registry.find(type_name)
            context = HandlerContext("erp", logging.getLogger("test"), clock, tmp_path, services or {})
            handler = handler_class(handler_class.Settings.model_validate(keys), context)
            await handler.start()
            stack.push_async_callback(handler.close)
            return handler

        yield start


def delivery(document: Mapping[str, Any] = DOCUMENT, **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "id": 7,
        "webhook_id": "dlv_7",
        "rule": "orders",
        "handler": "erp",
        "attempt": 1,
        "key": None,
        "event_time": 1_772_359_200.0,
        "created_at": 1_772_359_201.0,
        "document": document,
    }
    return Delivery(**fields | changes)


@pytest.fixture(name="delivery")
def delivery_fixture() -> Callable[..., Delivery]:
    return delivery


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    directory: Path
    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> Path:
        return self.directory / f"{self.name}.pem"

    def __post_init__(self) -> None:
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._signed(self.name, self.key, [(constraints, True)], 30)
        self.pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, days: float = 30, password: bytes | None = None) -> tuple[Path, Path]:
        """PEM files of a certificate for a host or a client, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        extensions = [(x509.SubjectAlternativeName([alternative]), False), (usage, False)]
        certificate = self._signed(name, key, extensions, days)
        files = self.directory / f"{name}-{self.name}.pem", self.directory / f"{name}-{self.name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        files[1].write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        return files

    def server(self, name: str = "127.0.0.1", days: float = 30, clients: bool = False) -> ssl.SSLContext:
        """TLS for a sink; `clients` asks for certificates of this authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.pem)
        context.load_cert_chain(*self.issue(name, days))
        context.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_NONE
        return context

    def _signed(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        extensions: list[tuple[x509.ExtensionType, bool]],
        days: float,
    ) -> x509.Certificate:
        begin = datetime.now(UTC) - timedelta(days=60)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(datetime.now(UTC) + timedelta(days=days))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "stranger")


@dataclass
class Amazon:
    """A stand-in, and the services through which handlers call it."""

    simulated: SimulatedSpapi
    services: dict[str, Any]

    def calls(self, operation: str) -> int:
        counted = self.simulated.amazon.statistics.calls
        return sum(count for (name, _status), count in counted.items() if name == operation)


@pytest.fixture
async def amazon(tmp_path: Path, clock: Clock) -> AsyncIterator[Callable[..., Awaitable[Amazon]]]:
    """Starts a stand-in by its settings. Its accounts are those of its sellers."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Amazon:
            simulated = await stack.enter_async_context(SimulatedSpapi(Settings(**settings), clock=clock))
            made = simulated.settings

            def secret(name: str, value: str) -> Secret:
                (tmp_path / name).write_text(value)
                return Secret("file", str(tmp_path / name))

            accounts = tuple(
                Account(made.seller_id(n), made.region, (), secret(f"refresh-{n}", made.refresh_token(n)))
                for n in range(1, made.sellers + 1)
            )
            endpoints = Endpoints(lwa=simulated.lwa_url, overrides=dict.fromkeys(("na", "eu", "fe"), simulated.url))
            credentials = Credentials(secret("id", made.client_id), secret("secret", made.client_secret))
            application = Application(credentials, accounts, endpoints)

            def open_client() -> Any:
                log = logging.getLogger("spapi")
                return connect(application, MemoryTokenStore(), who="tests", log=log, clock=clock)

            shared = SharedClient(open_client)
            stack.push_async_callback(shared.close)
            return Amazon(simulated, {"spapi": shared})

        yield start
