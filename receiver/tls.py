"""TLS of the public listener: TLS 1.2 and up, certificate and key taken in again when their files change."""

import math
import ssl
from pathlib import Path

from cryptography import x509

from receiver.errors import RouterError


class TlsError(RouterError):
    """Certificate or key cannot be used."""


class ServerTls:
    """A server context whose certificate follows its files. `reload` is cheap where nothing changed."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._seen = self._stamp()
        self.context = _context(certificate, key)
        self.ends = _ends(certificate)
        """When the first of the chain's certificates ends, seconds since the epoch."""

    def reload(self) -> bool:
        """Take changed files in; True where they changed. Raises TlsError and keeps the old ones where they are bad.

        A pair that does not fit yet (one file replaced, the other to come) is tried again at the next call.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        _context(self._certificate, self._key)
        _load(self.context, self._certificate, self._key)
        self._seen, self.ends = stamp, _ends(self._certificate)
        return True

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        try:
            stats = [path.stat() for path in (self._certificate, self._key)]
        except OSError as error:
            raise TlsError(f"server.tls: {error.filename} cannot be read: {error.strerror}") from None
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise TlsError(
            f"server.tls: certificate {certificate} and key {key} cannot be used: {error}; "
            "give the full chain as PEM and the private key that belongs to it, without a passphrase"
        ) from None


def _ends(certificate: Path) -> float:
    """When the first certificate of a chain ends; never, where the file cannot be read any more."""
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError):
        return math.inf
    return min((each.not_valid_after_utc.timestamp() for each in chain), default=math.inf)
