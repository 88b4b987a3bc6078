"""Talking to systemd: readiness (sd_notify(3)) and sockets it opened for us (sd_listen_fds(3))."""

import os
import socket
import time
from collections.abc import MutableMapping

_FIRST_DESCRIPTOR = 3


class ServiceManager:
    """The service manager that started this process; every method does nothing where there is none."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._environ = environ

    def notify(self, *assignments: str) -> None:
        """Send assignments such as `READY=1` or `STATUS=…`; a manager that is gone is no error."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.connect(address)
                channel.sendall("\n".join(assignments).encode())
        except OSError:
            return

    def ready(self, status: str) -> None:
        """Start-up, or a reload, is complete."""
        self.notify("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload begins (Type=notify-reload wants the time with it)."""
        self.notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end begins."""
        self.notify("STOPPING=1")

    def sockets(self) -> list[socket.socket]:
        """Listening sockets handed over by a socket unit, taken once."""
        if self._environ.pop("LISTEN_PID", "") != str(os.getpid()):
            return []
        count = int(self._environ.pop("LISTEN_FDS", "0"))
        self._environ.pop("LISTEN_FDNAMES", None)
        return [self._adopt(descriptor) for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + count)]

    @staticmethod
    def _adopt(descriptor: int) -> socket.socket:
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(False)
        return listener
