"""The sockets of the daemon: opened by systemd or by us, TCP or Unix, with or without TLS."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from receiver.config.values import Listen
from receiver.errors import RouterError

_BACKLOG = 4096
"""Connections that wait to be accepted, for which Linux allows as many by default: eight seconds of 500 pushes each."""
_HANDSHAKE = 10.0
"""Seconds for a handshake of TLS: until it is over nobody knows of the connection, which could be ended for others."""
_SOCKET_MODE = 0o660

_CURES = {
    errno.EADDRINUSE: "is another process there? `ss -ltnp` shows it",
    errno.EADDRNOTAVAIL: "this machine has no such address: `ip address` shows those it has",
    errno.EACCES: "this user may not: let systemd open the socket, or take a port above 1023",
    errno.ENOENT: "its directory must exist, and be writable for this user",
}

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class ListenError(RouterError):
    """An address cannot be listened on."""


class Listener:
    """One open listener. `addresses` says where it really listens, also where port 0 was asked for."""

    def __init__(self, servers: Sequence[asyncio.Server], inherited: bool) -> None:
        self._servers = tuple(servers)
        self.inherited = inherited
        self.addresses = tuple(_address(each) for server in servers for each in server.sockets)

    def close(self) -> None:
        """Accept no new connection; those that are open go on."""
        for server in self._servers:
            server.close()


async def listen(factory: ProtocolFactory, where: Listen, tls: ssl.SSLContext | None = None) -> Listener:
    """Open a listener of our own. Raises ListenError, which names the address and the cure."""
    loop = asyncio.get_running_loop()
    try:
        if where.unix:
            server = await loop.create_unix_server(factory, _free(where.unix), **_options(tls))
            where.unix.chmod(_SOCKET_MODE)
        else:
            server = await loop.create_server(factory, where.host, where.port, **_options(tls))
    except OSError as error:
        raise ListenError(f"cannot listen on {where}: {_why(error)}") from None
    return Listener([server], inherited=False)


async def adopt(
    factory: ProtocolFactory, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None
) -> Listener:
    """Listen on sockets that the service manager opened: they outlive this process, so no connection is refused."""
    loop = asyncio.get_running_loop()
    servers = []
    for each in sockets:
        create = loop.create_unix_server if each.family == socket.AF_UNIX else loop.create_server
        servers.append(await create(factory, sock=each, **_options(tls)))
    return Listener(servers, inherited=True)


def _options(tls: ssl.SSLContext | None) -> dict[str, Any]:
    return {"ssl": tls, "backlog": _BACKLOG} | ({"ssl_handshake_timeout": _HANDSHAKE} if tls else {})


def _why(error: OSError) -> str:
    """The cause in the system's words, without the address that asyncio puts before them, and the cure."""
    if error.errno is None or error.errno <= 0:
        return error.strerror or str(error)
    cure = _CURES.get(error.errno)
    return os.strerror(error.errno) + (f"; {cure}" if cure else "")


def _free(path: Path) -> str:
    """The path of a Unix socket, without the leftover of a process that was killed. Raises OSError.

    A file of another kind stays: Linux says of it, too, that the connection was refused.
    """
    if path.exists() and not path.is_socket():
        raise OSError(f"{path} is there, and is no socket: name another path")
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        raise OSError(f"{path} is in use")
    path.unlink(missing_ok=True)
    return str(path)


def _address(listener: socket.socket) -> str:
    name = listener.getsockname()
    if isinstance(name, tuple):
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{host}:{name[1]}"
    return f"unix:{name.decode() if isinstance(name, bytes) else name}"
