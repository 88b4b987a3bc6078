"""Users of this machine at the other end of the Unix socket."""

import os
import pwd
import socket
import struct
from collections.abc import Iterable

from aiohttp import web

_CREDENTIALS = struct.Struct("3i")


def peer_of(request: web.BaseRequest) -> int | None:
    """The user number at the other end of a Unix socket, None where the request came another way (unix(7))."""
    transport = request.transport
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    _pid, uid, _gid = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return int(uid)


class Peers:
    """The users that may come in: root, the daemon's own, and those of the settings, looked up once."""

    def __init__(self, users: Iterable[str | int]) -> None:
        self.unknown: tuple[str, ...] = ()
        """Names that this machine does not know."""
        self._allowed = {0, os.geteuid()}
        self._names: dict[int, str] = {}
        for user in users:
            number = user if isinstance(user, int) else _number(user)
            if number is None:
                self.unknown = (*self.unknown, str(user))
            else:
                self._allowed.add(number)

    def admits(self, uid: int) -> bool:
        """Whether a user may come in."""
        return uid in self._allowed

    def name(self, uid: int) -> str:
        """The user's name, or the number where it has none."""
        if uid not in self._names:
            self._names[uid] = _name(uid)
        return self._names[uid]


def _number(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
