"""Talking to systemd: readiness and signs of life, and sockets it opened for us.

Sources: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).
"""

import os
import socket
import time
from collections.abc import MutableMapping

_FIRST_DESCRIPTOR = 3
_MICRO = 1_000_000
_PATIENCE = 1.0
_MOST_STATUS = 500
"""Characters: the manager ignores messages of more than 4096 bytes as a whole."""


class ServiceManager:
    """The service manager that started this process; every method does nothing where there is none."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._environ = environ

    @property
    def listens(self) -> bool:
        """Whether there is a manager that is told anything."""
        return bool(self._address)

    @property
    def watchdog_period(self) -> float | None:
        """Seconds between two signs of life: half of what the manager waits for one. None where it wants none."""
        wanted = self._environ.get("WATCHDOG_USEC", "")
        if not wanted.isdecimal() or not int(wanted) or not self._address:
            return None
        return int(wanted) / _MICRO / 2 if self._environ.get("WATCHDOG_PID", "") in {"", str(os.getpid())} else None

    def notify(self, *assignments: str) -> None:
        """Send assignments such as `READY=1` or `STATUS=…`; a manager that is gone is no error."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(_PATIENCE)
                channel.connect(address)
                channel.sendall("\n".join(assignments).encode())
        except OSError:
            return

    def ready(self, status: str) -> None:
        """Start-up, or a reload, is complete."""
        self.notify("READY=1", _status(status))

    def reloading(self) -> None:
        """A reload begins (Type=notify-reload wants the time with it)."""
        self.notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str, within: float) -> None:
        """The end begins, and may take `within` seconds, also where the unit's TimeoutStopSec is less."""
        self.notify("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(within * _MICRO)}", _status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self.notify(_status(text))

    def alive(self) -> None:
        """A sign of life."""
        self.notify("WATCHDOG=1")

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


def _status(text: str) -> str:
    line = " ".join(text.split())
    return "STATUS=" + (line if len(line) <= _MOST_STATUS else line[: _MOST_STATUS - 1] + "…")
