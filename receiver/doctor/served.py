"""The certificates that a TLS server shows, trusted or not."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL

from receiver.doctor.probe import Unreachable, reason_of

_PIECE = 16384


@dataclass(frozen=True, slots=True)
class Place:
    """Where a TLS server is: a host and a port, or a Unix socket. `name` is told it in the handshake (SNI)."""

    host: str = ""
    port: int = 443
    unix: Path | None = None
    name: str = ""

    def __str__(self) -> str:
        return f"unix:{self.unix}" if self.unix else f"{self.host}:{self.port}"


async def served_chain(place: Place, seconds: float = 5.0) -> Sequence[x509.Certificate]:
    """Shake hands, and return the certificates that were shown, the leaf first. Raises Unreachable."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await _connected(place)
            try:
                return await _shaken(reader, writer, place.name)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise Unreachable(f"no TLS handshake within {seconds:g} s") from None
    except OSError as error:
        raise Unreachable(reason_of(error)) from None
    except SSL.Error as error:
        raise Unreachable(f"no TLS handshake: {_said(error)}") from None


async def _connected(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if place.unix:
        return await asyncio.open_unix_connection(place.unix)
    return await asyncio.open_connection(place.host, place.port)


async def _shaken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> Sequence[x509.Certificate]:
    connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    connection.set_connect_state()
    if name:
        connection.set_tlsext_host_name(name.encode("idna"))
    while not _step(connection):
        await _send(connection, writer)
        received = await reader.read(_PIECE)
        if not received:
            raise ConnectionResetError("the server broke off")
        connection.bio_write(received)
    return connection.get_peer_cert_chain(as_cryptography=True) or []


def _step(connection: SSL.Connection) -> bool:
    """Go on with the handshake as far as what was received allows; whether it has ended."""
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return False
    return True


async def _send(connection: SSL.Connection, writer: asyncio.StreamWriter) -> None:
    with suppress(SSL.WantReadError):
        while pending := connection.bio_read(_PIECE):
            writer.write(pending)
    await writer.drain()


def _said(error: SSL.Error) -> str:
    """OpenSSL's errors are lists of (library, function, reason)."""
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(entry[-1]) for entry in entries) or type(error).__name__
