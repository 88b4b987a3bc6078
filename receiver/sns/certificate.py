"""One certificate: reading it, and what makes it SNS's. Pure: no I/O, no chain."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from receiver.errors import NotAuthentic, Unavailable

_ALONE = re.compile(rb"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*")
_LEAST_BITS, _MOST_BITS = 2048, 8192
_FAULTY = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when something holds, in seconds since the epoch."""

    begins: float
    ends: float

    def covers(self, now: float) -> bool:
        """Whether it holds at a time."""
        return self.begins <= now <= self.ends

    def within(self, other: "Validity") -> "Validity":
        """When both hold."""
        return Validity(max(self.begins, other.begins), min(self.ends, other.ends))


def read_pem(data: bytes) -> x509.Certificate:
    """The one certificate in a PEM text that holds nothing else. Raises NotAuthentic."""
    if not _ALONE.fullmatch(data):
        found = data.count(b"-----BEGIN CERTIFICATE-----")
        raise _not_sns(f"holds {found} certificates" if found > 1 else "is not a PEM certificate alone")
    return _reading("is damaged", lambda: x509.load_pem_x509_certificate(data))


def read_pem_or_der(data: bytes) -> x509.Certificate:
    """The one certificate in a PEM or DER text. Raises NotAuthentic."""
    if data.lstrip().startswith(b"-----BEGIN"):
        return read_pem(data)
    return _reading("is not a certificate", lambda: x509.load_der_x509_certificate(data))


def rsa_key(certificate: x509.Certificate) -> RSAPublicKey:
    """The certificate's RSA key. Raises NotAuthentic for other keys, too short ones and absurdly long ones.

    The least length is that of NIST SP 800-131A revision 2.
    """
    key = _reading("has a key that cannot be read", certificate.public_key)
    if not isinstance(key, RSAPublicKey):
        raise _not_sns("has no RSA key")
    if not _LEAST_BITS <= key.key_size <= _MOST_BITS:
        raise _not_sns(f"has an RSA key of {key.key_size} bits, not of {_LEAST_BITS} to {_MOST_BITS}")
    return key


def key_bytes(key: RSAPublicKey) -> bytes:
    """A key as DER (RFC 5280, section 4.1: SubjectPublicKeyInfo)."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load_key(data: bytes) -> RSAPublicKey:
    """The key that `key_bytes` wrote."""
    key = load_der_public_key(data)
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


def check_signing_certificate(certificate: x509.Certificate, name: str, now: float) -> Validity:
    """Demand a leaf for `name` that may prove a server and is valid at `now`, and say how long it is.

    Rules: RFC 5280 sections 4.2.1.3, 4.2.1.9 and 4.2.1.12, RFC 6125 (names only from the subjectAltName; SNS's has no
    wildcards). Raises NotAuthentic; Unavailable where it is not valid yet, for then it is this machine's clock that is
    wrong.
    """
    alternatives = _extension(certificate, x509.SubjectAlternativeName)
    names = alternatives.get_values_for_type(x509.DNSName) if alternatives else []
    if name not in names:
        raise _not_sns(f"is for {ascii(', '.join(names))[:200]}, not for {name}")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise _not_sns("is not meant for signatures")
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise _not_sns("is a certificate authority's")
    if not serves(certificate, required=True):
        raise _not_sns("is not meant for servers (extended key usage serverAuth)")
    return _valid(certificate, now)


def serves(certificate: x509.Certificate, *, required: bool) -> bool:
    """Whether the extended key usage allows serverAuth; `required`: whether it must be there. Raises NotAuthentic."""
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    return ExtendedKeyUsageOID.SERVER_AUTH in usage if usage is not None else not required


def validity(certificate: x509.Certificate) -> Validity:
    """When a certificate is valid."""
    return Validity(certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())


def issuer_urls(certificate: x509.Certificate) -> list[str]:
    """Where the issuer's certificate is (RFC 5280, section 4.2.2.1: caIssuers). Raises NotAuthentic."""
    access = _extension(certificate, x509.AuthorityInformationAccess)
    return [
        description.access_location.value
        for description in access or ()
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(description.access_location, x509.UniformResourceIdentifier)
    ]


def _valid(certificate: x509.Certificate, now: float) -> Validity:
    valid = validity(certificate)
    if now > valid.ends:
        raise _not_sns(f"ended at {_date(valid.ends)}, before {_date(now)}")
    if now < valid.begins:
        raise Unavailable(
            "certificate_not_yet_valid",
            f"the signing certificate begins at {_date(valid.begins)}, and this machine's clock says {_date(now)}: "
            "check the clock",
        )
    return valid


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return _reading(
            "has extensions that cannot be read", lambda: certificate.extensions.get_extension_for_class(kind).value
        )
    except x509.ExtensionNotFound:
        return None


def _reading(fault: str, read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except _FAULTY as error:
        raise _not_sns(f"{fault}: {error}") from None


def _not_sns(fault: str) -> NotAuthentic:
    return NotAuthentic("certificate", f"the signing certificate {fault}")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
