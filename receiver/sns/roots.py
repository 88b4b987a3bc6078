"""The roots of trust: the system's, or a file and a directory of one's own."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from receiver.errors import RouterError

_USUAL_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class RootsUnusable(RouterError):
    """There are no root certificates, or they cannot be read."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Where root certificates are: a PEM bundle, a directory hashed by OpenSSL, or both."""

    file: Path | None = None
    directory: Path | None = None

    @classmethod
    def system(cls) -> "Roots":
        """The roots OpenSSL uses on this system (SSL_CERT_FILE and SSL_CERT_DIR count), else a usual bundle.

        Raises RootsUnusable where there are none.
        """
        paths = ssl.get_default_verify_paths()
        if paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())):
            return cls(Path(paths.cafile) if paths.cafile else None, Path(paths.capath) if paths.capath else None)
        for bundle in map(Path, _USUAL_BUNDLES):
            if bundle.is_file():
                return cls(bundle)
        raise RootsUnusable("this system has no root certificates: install the package ca-certificates")

    def client_context(self) -> ssl.SSLContext:
        """TLS for a client that trusts these roots alone. Raises RootsUnusable."""
        try:
            return ssl.create_default_context(cafile=self.file, capath=self.directory)
        except OSError as error:
            raise self.unusable(error) from None

    def unusable(self, error: Exception) -> RootsUnusable:
        """What to say when these roots cannot be read."""
        return RootsUnusable(f"the root certificates in {self.file or self.directory} cannot be read: {error}")
