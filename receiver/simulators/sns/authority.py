"""The certificate authority behind the simulator's signatures, and the signatures.

Written from the Amazon SNS developer guide ("Verifying the signatures of Amazon SNS messages"), and independent of
`receiver.sns` on purpose: each checks the other.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from receiver.simulators.errors import SimulationError

SIGNER_NAME = "sns.amazonaws.com"
_LIFE = timedelta(days=365)
_SIGNED_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def signed_text(message: Mapping[str, str]) -> bytes:
    """What a message's signature covers: name and value of each signed field that it has, a line each."""
    fields = _SIGNED_FIELDS[message["Type"]]
    return "".join(f"{name}\n{message[name]}\n" for name in fields if name in message).encode()


@dataclass(frozen=True, slots=True)
class _Holder:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A signing certificate with its key, and the certificates of those who vouch for it, the root last.

    A self-signed certificate has no issuers.
    """

    leaf: x509.Certificate
    key: RSAPrivateKey
    issuers: tuple[x509.Certificate, ...] = ()

    @classmethod
    def create(
        cls,
        *,
        name: str = SIGNER_NAME,
        issuers_url: str | None = None,
        valid_from: datetime | None = None,
        life: timedelta = _LIFE,
    ) -> "Authority":
        """Make a root, an intermediate and a leaf for `name`, like those behind Amazon SNS.

        `issuers_url` is where the leaf says that the intermediate can be had (AIA caIssuers). All are valid from
        `valid_from` (default: an hour ago).
        """
        start = valid_from or datetime.now(UTC) - timedelta(hours=1)
        root = _issue("Simulated Root CA", _authority_extensions(None), start, life)
        middle = _issue("Simulated RSA 2048", _authority_extensions(0), start, life, root)
        leaf = _issue(name, _leaf_extensions(name, issuers_url), start, life, middle)
        return cls(leaf.certificate, leaf.key, (middle.certificate, root.certificate))

    @classmethod
    def self_signed(cls, *, valid_from: datetime | None = None, life: timedelta = _LIFE) -> "Authority":
        """Make a lone certificate such as LocalStack signs with: a root that names no host."""
        start = valid_from or datetime.now(UTC) - timedelta(hours=1)
        holder = _issue("Simulated LocalStack TEST SNS Root", _authority_extensions(None), start, life)
        return cls(holder.certificate, holder.key)

    @classmethod
    def load(cls, pem: bytes) -> "Authority":
        """Read what `keep` wrote. Raises SimulationError."""
        try:
            leaf, *issuers = x509.load_pem_x509_certificates(pem)
            key = load_pem_private_key(pem, None)
        except ValueError as error:
            raise SimulationError(f"not a private key and its certificates in PEM: {error}") from None
        if not isinstance(key, RSAPrivateKey) or key.public_key() != leaf.public_key():
            raise SimulationError("the private key is not that of the first certificate")
        return cls(leaf, key, tuple(issuers))

    def keep(self) -> bytes:
        """Private key and certificates as PEM, the leaf first, for `load`."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + b"".join(one.public_bytes(Encoding.PEM) for one in (self.leaf, *self.issuers))

    @property
    def certificate(self) -> bytes:
        """The signing certificate alone as PEM: what SigningCertURL serves, and what a receiver is told to accept."""
        return self.leaf.public_bytes(Encoding.PEM)

    @property
    def label(self) -> str:
        """The 32 hex digits in the certificate's URL: SNS's are the MD5 of the certificate, as can be observed."""
        return hashlib.md5(self.leaf.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest()

    def sign(self, message: Mapping[str, str], version: str) -> str:
        """The Signature field of a message: RSA PKCS#1 v1.5 with SHA-1 (version 1) or SHA-256 (2), in base64."""
        algorithm = SHA256() if version == "2" else SHA1()  # noqa: S303 - SignatureVersion 1 is SHA-1
        return base64.b64encode(self.key.sign(signed_text(message), PKCS1v15(), algorithm)).decode()


def _issue(
    name: str,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...],
    start: datetime,
    life: timedelta,
    issuer: _Holder | None = None,
) -> _Holder:
    """Make a key and a certificate for it, signed by `issuer` or by itself."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    subject = _name(name)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return _Holder(builder.sign(signer, SHA256()), key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_extensions(path_length: int | None) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return (x509.BasicConstraints(ca=True, path_length=path_length), True), (_key_usage(authority=True), True)


def _leaf_extensions(name: str, issuers_url: str | None) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(authority=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName([x509.DNSName(name)]), False),
    ]
    if issuers_url:
        place = x509.UniformResourceIdentifier(issuers_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
        extensions.append((x509.AuthorityInformationAccess([access]), False))
    return tuple(extensions)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
