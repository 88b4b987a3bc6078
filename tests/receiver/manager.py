"""A stand-in for systemd: it hears what a daemon notifies, and holds the socket that SNS pushes to."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path


class Manager:
    """Listens at a real notification socket; `heard` has each message as its assignments."""

    def __init__(self, directory: Path, watchdog: float | None = None) -> None:
        self.path = directory / "notify.sock"
        self._watchdog = watchdog
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        self._news = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())
        self.heard: list[dict[str, str]] = []

    @property
    def environment(self) -> dict[str, str]:
        """What the daemon finds in its environment."""
        watchdog = {"WATCHDOG_USEC": str(int(self._watchdog * 1_000_000))} if self._watchdog else {}
        return {"NOTIFY_SOCKET": str(self.path), **watchdog}

    async def hear(self, wanted: Callable[[dict[str, str]], bool], after: int = 0, within: float = 30.0) -> int:
        """Wait for a message from place `after` on; its place."""

        def place() -> int | None:
            return next((at for at, said in enumerate(self.heard) if at >= after and wanted(said)), None)

        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: place() is not None)
        found = place()
        assert found is not None
        return found

    async def close(self) -> None:
        """Stop listening."""
        self._listening.cancel()
        self._socket.close()

    async def _listen(self) -> None:
        while True:
            message = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
            async with self._news:
                self.heard.append(dict(line.split("=", 1) for line in message.decode().splitlines()))
                self._news.notify_all()


class Service:
    """A daemon as a process of its own, as systemd would start it: with the listening socket as descriptor 3."""

    def __init__(self, rules: Path, environment: Mapping[str, str], listener: socket.socket) -> None:
        self._rules = rules
        self._environment = environment
        self._listener = listener
        self._log = rules.with_suffix(".log")
        self.process: asyncio.subprocess.Process

    async def start(self, ready: Awaitable[object]) -> None:
        """Start it, and wait until it is `ready`."""
        os.set_inheritable(self._listener.fileno(), True)
        number = self._listener.fileno()
        script = f'exec 3<&{number}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" -m receiver serve --config "$1"'
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *("bash", "-c", script, sys.executable, str(self._rules)),
                env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **self._environment},
                pass_fds=[number],
                stdin=asyncio.subprocess.DEVNULL,
                stderr=log,
            )
        await ready

    @property
    def log(self) -> str:
        """All that its processes have logged."""
        return self._log.read_text()

    async def stop(self) -> int:
        """Stop it as `systemctl stop` does: its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def kill(self) -> None:
        """End it where a test has left it running."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
