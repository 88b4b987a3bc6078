"""Why a request got no answer, in the words of the person who has to mend it."""

import os
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp

from handlers.addresses import AddressRefused
from handlers.printable import printable

_NO_CLIENT_CERTIFICATE = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "UNKNOWN_CA")


def describe(error: Exception) -> str:
    """One line that names the host, the cause and, where there is one, the cure. `error` is aiohttp's or an OSError."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words(error)
    return f"{type(error).__name__}: {error}"


def _certificate(error: Any) -> str:
    cause = error.certificate_error
    why = str(getattr(cause, "verify_message", "") or cause).rstrip(".")
    return (
        f"the certificate of {error.host}:{error.port} is not trusted: {why}: "
        "correct it there, or name the certificate authority as tls.ca"
    )


def _tls(error: Any) -> str:
    reason = _reason(error.os_error)
    where = f"{error.host}:{error.port}"
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason:
        return f"{where} does not speak TLS: is it http:// or another port?"
    return f"TLS with {where} fails: {reason}{_client_certificate(reason)}"


def _reason(error: Any) -> str:
    return str(getattr(error, "reason", "") or error)


def _client_certificate(reason: str) -> str:
    if any(name in reason for name in _NO_CLIENT_CERTIFICATE):
        return ": it may ask for a client certificate: set tls.certificate and tls.key"
    return ""


def _unresolved(error: Any) -> str:
    return f"{error.host} cannot be resolved: {_text(error.os_error)}: check the name in url and this machine's DNS"


def _unconnected(error: Any) -> str:
    if isinstance(error.os_error, AddressRefused):
        return f"{error.host} is not connected to: {error.os_error.strerror}"
    return f"cannot connect to {error.host}:{error.port}: {_refusal(error.os_error)}"


def _refusal(error: OSError) -> str:
    """The system's words: asyncio's own, "Connect call failed", only repeat the address."""
    if error.errno is None or error.errno <= 0 or isinstance(error, ssl.SSLError):
        return _text(error)
    return os.strerror(error.errno)


def _text(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _broken(error: OSError) -> str:
    text = _text(error)
    return f"the connection broke: {text}{_client_certificate(text)}"


def _not_http(error: Any) -> str:
    return f"the answer is not HTTP: {printable(' '.join(str(error.message).split()))}"


_WORDS: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (aiohttp.ClientConnectorCertificateError, _certificate),
    (aiohttp.ClientConnectorSSLError, _tls),
    (aiohttp.ClientConnectorDNSError, _unresolved),
    (aiohttp.ClientConnectorError, _unconnected),
    (aiohttp.ConnectionTimeoutError, lambda _: "no connection within connect_timeout"),
    (aiohttp.ServerTimeoutError, lambda _: "no answer within read_timeout"),
    (aiohttp.ServerDisconnectedError, lambda _: "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, lambda _: "the answer broke off before its end"),
    (aiohttp.ClientResponseError, _not_http),
    (TimeoutError, lambda _: "timed out"),
    (OSError, _broken),
)
