"""TLS towards destinations with certificates of their own: a client certificate, a private certificate authority."""

import ssl
from collections.abc import Callable
from pathlib import Path

from pydantic import model_validator

from handlers.errors import HandlerError
from handlers.fresh import Fresh
from handlers.settings import HandlerSettings, RelativePath

_LIFETIME = 10.0


class TlsError(HandlerError):
    """Certificate files that cannot be used."""


class TlsSettings(HandlerSettings):
    """The `tls` table. PEM files; the server's certificate is verified always."""

    certificate: RelativePath | None = None
    """The client's certificate and what leads up to its authority."""
    key: RelativePath | None = None
    """Its key, where it does not stand in the same file."""
    ca: RelativePath | None = None
    """The authorities to trust, in place of the system's."""

    @model_validator(mode="after")
    def _whole(self) -> "TlsSettings":
        if self.key and not self.certificate:
            raise ValueError("key is set without certificate: a client certificate needs both")
        return self


class ClientTls:
    """The TLS context of a handler, made anew when its files have changed."""

    def __init__(self, settings: TlsSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._seen: tuple[int, ...] = ()
        self._context: ssl.SSLContext | None = None
        self._fresh = Fresh(self._load, clock, _LIFETIME)

    def context(self) -> ssl.SSLContext:
        """Raises TlsError, which names the file."""
        return self._fresh.get()

    def _load(self) -> ssl.SSLContext:
        seen = self._stamps()
        if self._context is None or seen != self._seen:
            self._context = _build(self._settings)
            self._seen = seen
        return self._context

    def _stamps(self) -> tuple[int, ...]:
        files = (self._settings.certificate, self._settings.key, self._settings.ca)
        try:
            return tuple(path.stat().st_mtime_ns for path in files if path)
        except OSError as error:
            raise TlsError(f"tls: {error.filename} cannot be read: {error.strerror}") from None


def _build(settings: TlsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"tls.ca: {settings.ca} is not a PEM file of certificates that can be read: {error}") from None
    if settings.certificate:
        _load_chain(context, settings.certificate, settings.key)
    return context


def _load_chain(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """OpenSSL would ask for the password of an encrypted key on the terminal; an empty one makes it fail instead."""
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ssl.SSLError, ValueError) as error:
        files = f"{certificate} with {key}" if key else str(certificate)
        raise TlsError(
            f"tls.certificate: {files} cannot be used: {error}: both must be PEM, belong together and have no password"
        ) from None
