"""The daemon as a child process: started, listened to, stopped."""

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from receiver.simulators.errors import SimulationError

_START_WITHIN = 30.0
_STOP_WITHIN = 15.0
_LINES_KEPT = 10
_LONGEST_LINE = 1 << 20
_MANAGERS = ("LISTEN_", "NOTIFY_SOCKET", "WATCHDOG_")
_WORTH_SHOWING = frozenset({"warning", "error", "critical"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the daemon listens, as HOST:PORT."""

    public: str
    admin: str


class Child:
    """A running `spapi-router serve`. `complain` hears of each warning and error it logs once it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, complain: Callable[[str], None]) -> None:
        self._process = process
        self._complain = complain
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, rules: Path, secrets: Mapping[str, str], complain: Callable[[str], None]) -> "Child":
        """Start it with a rules file and secrets in its environment."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "receiver", "serve", "--config", str(rules)),
            env=_environment(os.environ) | dict(secrets),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        return cls(process, complain)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def ready(self) -> Addresses:
        """Wait until it accepts pushes. Raises SimulationError with its last words where it does not start."""
        try:
            async with asyncio.timeout(_START_WITHIN):
                either: set[asyncio.Future[Any]] = {self._ready, self._reading}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise self.failure(f"the daemon was not ready within {_START_WITHIN:g} s") from None
        if not self._ready.done():
            await self._process.wait()
            raise self.failure("the daemon ended before it was ready")
        return self._ready.result()

    async def ended(self) -> int:
        """Wait until it has ended: its exit status."""
        await self._reading
        return await self._process.wait()

    async def stop(self) -> int:
        """End it, gently at first: its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self.ended(), _STOP_WITHIN)
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()
        finally:
            self._reading.cancel()

    def failure(self, what: str) -> SimulationError:
        """An error that says what happened and ends with the daemon's last words."""
        words = "\n".join(f"    {line}" for line in self._lines) or "    nothing"
        return SimulationError(f"{what} (exit status {self._process.returncode}); its last words:\n{words}")

    async def _read(self) -> None:
        """Follow its log to the end; nothing it writes may hold it up."""
        assert self._process.stderr is not None  # noqa: S101 - a pipe was asked for
        while line := await self._process.stderr.readline():
            self._take(line.decode("utf-8", "replace").rstrip())

    def _take(self, line: str) -> None:
        self._lines.append(line)
        event = _event(line)
        if event.get("event") == "ready" and not self._ready.done():
            self._ready.set_result(Addresses(event.get("listen", ""), event.get("admin") or ""))
        elif self._ready.done() and event.get("level") in _WORTH_SHOWING:
            self._complain(line)


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """An environment like this process's, but no service manager's, and without a proxy in front of this machine."""
    environment = {name: value for name, value in own.items() if not name.startswith(_MANAGERS)}
    for name in ("no_proxy", "NO_PROXY"):
        environment[name] = ",".join(filter(None, [own.get(name), "127.0.0.1"]))
    return environment


def _event(line: str) -> Mapping[str, Any]:
    """A log line's facts, none for what is no JSON object."""
    try:
        event = orjson.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
