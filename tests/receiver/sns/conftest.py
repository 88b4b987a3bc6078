"""Amazon's side for the tests of receiver.sns: an authority like Amazon Trust Services, and hostile variants."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET, AddressFamily
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from receiver.sns import CertificateStore, Fetched, Roots, TopicList, Verifier

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
HOST = "sns.us-west-2.amazonaws.com"
TOPIC = "arn:aws:sns:us-west-2:123456789012:sp-api-orders"
CERTIFICATE_URL = f"https://{HOST}/SimpleNotificationService-{'0123456789abcdef' * 2}.pem"
ISSUER_URL = "http://crt.r2m01.amazontrust.com/r2m01.cer"
DAY = timedelta(days=1)
ORDERS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a certificate is to be like; the defaults are a sound leaf of SNS."""

    subject: str = "sns.amazonaws.com"
    names: Sequence[str] = ("sns.amazonaws.com",)
    ca: bool = False
    path_length: int | None = None
    uses: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.SERVER_AUTH,)
    digital_signature: bool = True
    issuer_url: str | None = ISSUER_URL
    begins: datetime = field(default_factory=lambda: datetime.fromtimestamp(NOW, UTC) - 30 * DAY)
    ends: datetime = field(default_factory=lambda: datetime.fromtimestamp(NOW, UTC) + 300 * DAY)
    algorithm: HashAlgorithm = field(default_factory=SHA256)

    def extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        usage = x509.KeyUsage(
            digital_signature=self.digital_signature,
            content_commitment=False,
            key_encipherment=not self.ca,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=self.ca,
            crl_sign=self.ca,
            encipher_only=False,
            decipher_only=False,
        )
        found: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=self.ca, path_length=self.path_length), True),
            (usage, True),
        ]
        if self.names:
            found.append((x509.SubjectAlternativeName([x509.DNSName(one) for one in self.names]), False))
        if self.uses:
            found.append((x509.ExtendedKeyUsage(self.uses), False))
        if self.issuer_url:
            place = x509.UniformResourceIdentifier(self.issuer_url)
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
            found.append((x509.AuthorityInformationAccess([access]), False))
        return found


def issue(wish: Wish, key: Any, issuer: Holder | None = None) -> Holder:
    """A certificate for a key, signed by `issuer` or by itself."""
    subject = name(wish.subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wish.begins)
        .not_valid_after(wish.ends)
    )
    for extension, critical in wish.extensions():
        builder = builder.add_extension(extension, critical=critical)
    return Holder(builder.sign(issuer.key if issuer else key, wish.algorithm), key)


class Amazon:
    """An authority, SNS's certificate under it, and SNS's signatures."""

    now = NOW
    host = HOST
    topic = TOPIC
    certificate_url = CERTIFICATE_URL
    issuer_url = ISSUER_URL

    def __init__(self) -> None:
        keys = [generate_private_key(65537, 2048) for _ in range(3)]
        authority = {"names": (), "uses": (), "ca": True, "issuer_url": None}
        self.root = issue(Wish("Test Root CA 1", **authority), keys[0])
        self.intermediate = issue(Wish("Test RSA 2048 M01", **authority), keys[1], self.root)
        self.leaf = issue(Wish(), keys[2], self.intermediate)

    def another_leaf(self, key: Any = None, issuer: Holder | None = None, **wishes: Any) -> Holder:
        """A leaf that differs from the sound one in what is wished."""
        return issue(Wish(**wishes), key or self.leaf.key, issuer or self.intermediate)

    def authority(self, subject: str, issuer: Holder, **wishes: Any) -> Holder:
        """Another authority, with the intermediate's key."""
        wish = Wish(subject, **({"names": (), "uses": (), "ca": True, "issuer_url": None} | wishes))
        return issue(wish, self.intermediate.key, issuer)

    def sign(self, fields: dict[str, Any], key: RSAPrivateKey | None = None) -> str:
        text = "".join(f"{one}\n{fields[one]}\n" for one in ORDERS[fields["Type"]] if one in fields)
        algorithm = SHA1() if fields["SignatureVersion"] == "1" else SHA256()
        return base64.b64encode((key or self.leaf.key).sign(text.encode(), PKCS1v15(), algorithm)).decode()

    def notification(self, **changes: Any) -> dict[str, Any]:
        """The fields of a signed Notification; a change to None takes a field away."""
        fields: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": "9d2c5580-b61d-550c-8583-37a582870907",
            "TopicArn": TOPIC,
            "Message": "ORDER\nCHANGE é 😀",
            "Timestamp": "2026-06-01T12:00:00.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
        }
        return self._signed(fields, changes)

    def confirmation(self, **changes: Any) -> dict[str, Any]:
        """The fields of a signed SubscriptionConfirmation."""
        token = changes.get("Token", "2336412f37fb687f5d51e6e2425929f52e8e353134fe72d55ef8b330217d82da")
        fields = self.notification(
            Type="SubscriptionConfirmation",
            Message="You have chosen to subscribe",
            Token=token,
            SubscribeURL=f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}",
        )
        return self._signed(fields, changes)

    def _signed(self, fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        fields = {key: value for key, value in (fields | changes).items() if value is not None}
        return fields if "Signature" in changes else fields | {"Signature": self.sign(fields)}

    def body(self, **changes: Any) -> bytes:
        return json.dumps(self.notification(**changes)).encode()


class Network:
    """Amazon's answers by URL, in memory. Counts what is asked; an answer may be a function that makes one."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self._called = asyncio.Condition()

    async def reached(self, number: int) -> None:
        """Wait until so much was asked."""
        async with self._called:
            await self._called.wait_for(lambda: len(self.asked) >= number)

    async def __call__(self, url: str, *, limit: int, seconds: float) -> Fetched:
        self.asked.append(url)
        async with self._called:
            self._called.notify_all()
        answer = self.answers.get(url, Fetched(404, b"<Error>no such key</Error>"))
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            answer = Fetched(200, answer)
        return Fetched(answer.status, answer.body[:limit], len(answer.body) <= limit)


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def amazon() -> Amazon:
    return Amazon()


@pytest.fixture(scope="session")
def elliptic_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def short_key() -> RSAPrivateKey:
    return generate_private_key(65537, 1024)


@pytest.fixture(scope="session")
def oid() -> type[x509.ObjectIdentifier]:
    return x509.ObjectIdentifier


@pytest.fixture(scope="session")
def stranger() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def roots(amazon: Amazon, tmp_path_factory: pytest.TempPathFactory) -> Roots:
    path = tmp_path_factory.mktemp("roots") / "roots.pem"
    path.write_bytes(amazon.root.pem)
    return Roots(path)


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def network(amazon: Amazon) -> Network:
    return Network({CERTIFICATE_URL: amazon.leaf.pem, ISSUER_URL: amazon.intermediate.der})


@pytest.fixture
def store(network: Network, roots: Roots, ticks: Ticks) -> CertificateStore:
    return CertificateStore(network, roots=roots, ticks=ticks)


@pytest.fixture
def verifier(store: CertificateStore) -> Verifier:
    return Verifier(store, TopicList([TOPIC]), clock=lambda: NOW)


class _LoopbackResolver(AbstractResolver):
    """Every host is on this machine; the ports of HTTP and HTTPS are those of the test's servers."""

    def __init__(self, ports: dict[int, int]) -> None:
        self._ports = ports

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        place = ResolveResult(hostname=host, host="127.0.0.1", port=self._ports[port], family=AF_INET, proto=0, flags=0)
        return [place]

    async def close(self) -> None:
        return None


@dataclass(slots=True)
class LoopbackAmazon:
    """Amazon's hosts on real sockets with real TLS. `pages` are by host and path; `asked` is what was asked."""

    pages: dict[str, tuple[int, bytes]]
    asked: list[str] = field(default_factory=list)
    resolver: AbstractResolver | None = None
    roots: Roots | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.scheme}://{request.host}{request.raw_path}")
        status, body = self.pages.get(f"{request.host}{request.raw_path}", (404, b""))
        headers = {"Location": "https://elsewhere.example/"} if 300 <= status < 400 else {}
        return web.Response(status=status, body=body, headers=headers)


def _application(served: LoopbackAmazon) -> web.Application:
    application = web.Application()
    application.router.add_get("/{path:.*}", served.answer)
    return application


@pytest.fixture
async def loopback(amazon: Amazon, tmp_path: Path) -> AsyncIterator[LoopbackAmazon]:
    """Serves SNS's certificate and its issuer, and whatever a test adds to `pages`."""
    now = datetime.now(UTC)
    server = amazon.another_leaf(names=(HOST,), begins=now - DAY, ends=now + DAY, issuer=amazon.root)
    key = server.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(server.pem + key)
    (tmp_path / "root.pem").write_bytes(amazon.root.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    pages = {CERTIFICATE_URL.partition("//")[2]: (200, amazon.leaf.pem)}
    pages[ISSUER_URL.partition("//")[2]] = (200, amazon.intermediate.der)
    served = LoopbackAmazon(pages, roots=Roots(tmp_path / "root.pem"))
    secure, plain = (TestServer(_application(served), scheme=scheme) for scheme in ("https", "http"))
    await secure.start_server(ssl=context)
    await plain.start_server()
    served.resolver = _LoopbackResolver({443: secure.port or 0, 80: plain.port or 0})
    yield served
    await secure.close()
    await plain.close()
