"""What stands where SNS's certificate should be. Each message fits the certificate, which alone is at fault."""

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA224
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.attacks import egress
from tests.attacks.egress import Page, page
from tests.attacks.forge import DAY, ISSUER_URL, Forge, certificate_url
from tests.attacks.row import Kind, Row
from tests.receiver.sns.conftest import Holder, issue

_SHORT = functools.cache(lambda: rsa.generate_private_key(65537, 1024))
_ELLIPTIC = functools.cache(lambda: ec.generate_private_key(ec.SECP256R1()))
_EDWARDS = functools.cache(ed25519.Ed25519PrivateKey.generate)


def _served(name: str, answer: str, body: Callable[[Forge], Page], fetches: int = 1, slow: bool = False) -> Row:
    """A message signed by SNS's own key, at whose URL there is something else."""
    url = certificate_url(name)
    return Row(
        name,
        lambda forge: forge.notification(SigningCertURL=url),
        answer,
        fetches,
        lambda forge: {url: body(forge)},
        slow=slow,
    )


def _holder(
    name: str,
    answer: str,
    make: Callable[[Forge], Holder],
    fetches: int = 1,
    more: Callable[[Forge], Mapping[str, Page]] = lambda _forge: {},
) -> Row:
    """A message signed by the key of a certificate that is served."""
    url, made = certificate_url(name), functools.cache(make)

    def send(forge: Forge) -> Mapping[str, str]:
        fields = forge.notification(SigningCertURL=url)
        key = made(forge).key
        return fields | {"Signature": forge.sign(fields, key)} if isinstance(key, rsa.RSAPrivateKey) else fields

    return Row(name, send, answer, fetches, lambda forge: {url: page(made(forge).pem)} | more(forge))


def _elsewhere(name: str, host: str) -> Row:
    """A message of a topic whose region's host cannot be trusted or reached."""
    region = host.split(".")[1]
    topic = f"arn:aws:sns:{region}:123456789012:sp-api-orders"
    url = certificate_url(name, host)
    return Row(
        name,
        lambda forge: forge.notification(TopicArn=topic, SigningCertURL=url),
        "503 certificate_unavailable",
        1,
        lambda forge: {url: page(forge.leaf.pem)},
    )


def _with_key(forge: Forge) -> bytes:
    key = forge.stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return page(forge.leaf.pem + key)


def _stranger(forge: Forge, issuer_url: str | None) -> Holder:
    """SNS's name under somebody else's authority, which is said to be at a URL."""
    return forge.another_leaf(key=forge.stranger, issuer=forge.stranger_authority, issuer_url=issuer_url)


def _self_signed(forge: Forge, issuer_url: str | None = None) -> Holder:
    return issue(forge.wish(issuer_url=issuer_url), forge.stranger)


_NOW = datetime.now(UTC)
_REFUSED = "403 certificate"
_BROKEN = "403 certificate_chain"

NOT_FOUND = _served("404", _REFUSED, lambda _: page("<Error/>", "404 Not Found"))
HOSTS = Kind(
    "certificate hosts",
    "SNS's host answers with something else than a certificate, or cannot be trusted or reached",
    (
        _served(
            "a redirect elsewhere", _REFUSED, lambda _: page("", "302 Found", Location="https://evil.example/a.pem")
        ),
        _served(
            "a redirect to the real certificate",
            _REFUSED,
            lambda _: page("", "301 Moved Permanently", Location=certificate_url("real")),
        ),
        _served("a redirect without a place", _REFUSED, lambda _: page("", "307 Temporary Redirect")),
        NOT_FOUND,
        _served("500", "503 certificate_unavailable", lambda _: page("", "500 Internal Server Error")),
        _served("429", "503 certificate_unavailable", lambda _: page("", "429 Too Many Requests")),
        _served("204", _REFUSED, lambda _: b"HTTP/1.1 204 No Content\r\n\r\n"),
        _served("an answer that is not HTTP", "503 certificate_unavailable", lambda _: b"SSH-2.0-OpenSSH_9.6\r\n"),
        _served("a huge file", _REFUSED, lambda forge: page(forge.leaf.pem + b"\n" * (1 << 20))),
        _served("an endless file", _REFUSED, lambda _: egress.endless),
        _served("a body that never comes", "503 certificate_unavailable", lambda _: egress.hanging),
        _served("a byte every tenth of a second", "503 certificate_unavailable", lambda _: egress.dripping),
        _served("64 MiB of zeros in a small gzip body", _REFUSED, lambda _: egress.bomb()),
        _served(
            "a header line without an end",
            "503 certificate_unavailable",
            lambda _: b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20),
        ),
        _elsewhere("TLS for another name", egress.WRONG_NAME),
        _elsewhere("TLS of an authority that nobody trusts", egress.UNTRUSTED),
        _elsewhere("TLS with a certificate that has ended", egress.ENDED),
        _elsewhere("no connection", egress.UNREACHABLE),
    ),
)

CONTENTS = Kind(
    "certificate files",
    "the file at SNS's host is not one PEM certificate of SNS",
    (
        _served("HTML", _REFUSED, lambda _: page("<html>sign in</html>", Content_Type="text/html")),
        _served("an empty file", _REFUSED, lambda _: page("")),
        _served("two certificates", _REFUSED, lambda forge: page(forge.leaf.pem + forge.intermediate.pem)),
        _served("a certificate and a key", _REFUSED, _with_key),
        _served("a text before the certificate", _REFUSED, lambda forge: page(b"subject=SNS\n" + forge.leaf.pem)),
        _served("DER", _REFUSED, lambda forge: page(forge.leaf.der)),
        _served(
            "a PEM frame around nothing",
            _REFUSED,
            lambda _: page(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ),
        _served(
            "a certificate request",
            _REFUSED,
            lambda forge: page(forge.leaf.pem.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST")),
        ),
        _served(
            "a certificate cut off",
            _REFUSED,
            lambda forge: page(forge.leaf.pem[:-200] + b"\n-----END CERTIFICATE-----\n"),
        ),
        _holder("another name", _REFUSED, lambda forge: forge.another_leaf(names=("sns.example",))),
        _holder(
            "SNS's name as a prefix",
            _REFUSED,
            lambda forge: forge.another_leaf(names=("sns.amazonaws.com.evil.example",)),
        ),
        _holder("a wildcard name", _REFUSED, lambda forge: forge.another_leaf(names=("*.amazonaws.com",))),
        _holder("the name in the subject alone", _REFUSED, lambda forge: forge.another_leaf(names=())),
        _holder(
            "the name of another region's certificate",
            _REFUSED,
            lambda forge: forge.another_leaf(names=("sns-signing.af-south-1.amazonaws.com",)),
        ),
        _holder("a key of 1024 bits", _REFUSED, lambda forge: forge.another_leaf(key=_SHORT())),
        _holder("an elliptic key", _REFUSED, lambda forge: forge.another_leaf(key=_ELLIPTIC())),
        _holder("an Ed25519 key", _REFUSED, lambda forge: forge.another_leaf(key=_EDWARDS())),
        _holder(
            "another key than the message's",
            "403 signature",
            lambda forge: Holder(forge.leaf.certificate, forge.stranger),
            1,
        ),
    ),
)

CHAINS = Kind(
    "certificate chains",
    "the certificate is not what Amazon's authorities vouch for, now and for servers",
    (
        _holder("ended", _REFUSED, lambda forge: forge.another_leaf(begins=_NOW - 60 * DAY, ends=_NOW - DAY)),
        _holder(
            "not begun (this machine's clock could be wrong)",
            "503 certificate_not_yet_valid",
            lambda forge: forge.another_leaf(begins=_NOW + DAY, ends=_NOW + 60 * DAY),
        ),
        _holder("an authority's certificate", _REFUSED, lambda forge: forge.another_leaf(ca=True)),
        _holder(
            "not meant for servers", _REFUSED, lambda forge: forge.another_leaf(uses=(ExtendedKeyUsageOID.CLIENT_AUTH,))
        ),
        _holder("for no use in particular", _REFUSED, lambda forge: forge.another_leaf(uses=())),
        _holder("not meant for signatures", _REFUSED, lambda forge: forge.another_leaf(digital_signature=False)),
        _holder("self-signed", _BROKEN, _self_signed),
        _holder("self-signed, saying that Amazon issued it", _BROKEN, lambda forge: _self_signed(forge, ISSUER_URL)),
        _holder(
            "somebody else's authority, said to be Amazon's",
            "503 issuer_unavailable",
            lambda forge: _stranger(forge, ISSUER_URL),
            2,
        ),
        _holder(
            "somebody else's authority, which is nowhere", _BROKEN, lambda forge: _stranger(forge, issuer_url=None)
        ),
        _holder(
            "somebody else's authority, at his own host",
            _BROKEN,
            lambda forge: _stranger(forge, issuer_url="http://evil.example/ca.cer"),
        ),
        _holder(
            "an issuer at the metadata service",
            _BROKEN,
            lambda forge: _stranger(forge, issuer_url="http://169.254.169.254/latest/meta-data/"),
        ),
        _holder(
            "an issuer at a host that ends like Amazon's",
            _BROKEN,
            lambda forge: _stranger(forge, issuer_url="http://evilamazontrust.com/ca.cer"),
        ),
        _holder(
            "an issuer at Amazon's host as the user",
            _BROKEN,
            lambda forge: _stranger(forge, issuer_url="http://crt.amazontrust.com@evil.example/ca.cer"),
        ),
        _holder("an issuer in a file", _BROKEN, lambda forge: _stranger(forge, issuer_url="file:///etc/ssl/ca.cer")),
        _holder("signed with an outdated hash", _BROKEN, lambda forge: forge.another_leaf(algorithm=SHA224()), 1),
        _holder(
            "issued by SNS's leaf, which is no authority",
            _BROKEN,
            lambda forge: forge.another_leaf(
                subject="x", key=forge.stranger, issuer=forge.leaf, issuer_url="http://crt.x.amazontrust.com/leaf.cer"
            ),
            2,
            lambda forge: {"http://crt.x.amazontrust.com/leaf.cer": page(forge.leaf.der)},
        ),
        _holder(
            "an issuer that is huge",
            "503 issuer_unavailable",
            lambda forge: forge.another_leaf(issuer_url="http://crt.huge.amazontrust.com/x.cer"),
            2,
            lambda forge: {"http://crt.huge.amazontrust.com/x.cer": page(forge.intermediate.der + bytes(1 << 20))},
        ),
        _holder(
            "an issuer behind a redirect",
            "503 issuer_unavailable",
            lambda forge: forge.another_leaf(issuer_url="http://crt.moved.amazontrust.com/x.cer"),
            2,
            lambda forge: {"http://crt.moved.amazontrust.com/x.cer": page("", "302 Found", Location=ISSUER_URL)},
        ),
    ),
)

KINDS = (HOSTS, CONTENTS, CHAINS)
