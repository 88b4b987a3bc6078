"""The daemon as a process of its own, to be starved, frozen and killed."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import orjson

START_WITHIN = 90.0
STOP_WITHIN = 60.0
_LINES = 20_000
_LONGEST_LINE = 1 << 20
_PAGE = resource.getpagesize()

Limits = Mapping[int, int]
"""Resource limits by their number in `resource`."""


def addressed(pid: int) -> int:
    """Bytes of a process's address space."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * _PAGE


def _state(pid: int) -> str:
    """How a process is, by its letter."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class ProcessEnded(Exception):
    """The daemon ended where it should have run; the text ends with its last words."""


class Process:
    """A running `python -m receiver serve`. `lines` are the last of its log."""

    def __init__(
        self, process: asyncio.subprocess.Process, log: asyncio.StreamReader, pipe: asyncio.ReadTransport
    ) -> None:
        self._process = process
        self._log = log
        self._pipe = pipe
        self.lines: deque[str] = deque(maxlen=_LINES)
        self._changed = asyncio.Condition()
        self._ended = False
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, rules: Path, environment: Mapping[str, str], limits: Limits | None = None) -> "Process":
        """Start it; it is ready when `ready` returns."""
        ours, its = os.pipe()
        log = asyncio.StreamReader(_LONGEST_LINE)
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(log), os.fdopen(ours, "rb")
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "receiver", "serve", "--config", str(rules)),
                env={**_as_a_service(), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=its,
            )
        finally:
            os.close(its)
        for number, value in (limits or {}).items():
            resource.prlimit(process.pid, number, (value, value))
        return cls(process, log, pipe)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def writer(self) -> int:
        """The process that writes its inbox."""
        (child,) = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(child)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    @property
    def resident(self) -> int:
        """Bytes of memory that it has in use."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    @property
    def descriptors(self) -> int:
        """How many file descriptors it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def words(self) -> str:
        """What it has logged."""
        return "\n".join(self.lines)

    async def ready(self) -> Mapping[str, Any]:
        """Wait until it takes pushes: the facts of its `ready` event. Raises ProcessEnded."""
        return await self.event("ready", within=START_WITHIN)

    async def event(self, name: str, *, within: float = 60.0, **facts: Any) -> Mapping[str, Any]:
        """Wait until it logs an event with these facts. Raises ProcessEnded, also after `within` seconds."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: self._ended or self.events(name, **facts))
        except TimeoutError:
            raise self.failure(f"no event {name} {facts or ''} within {within:g} s") from None
        if found := self.events(name, **facts):
            return found[-1]
        await self._process.wait()
        raise self.failure(f"the daemon ended before the event {name}")

    def events(self, name: str, **facts: Any) -> list[Mapping[str, Any]]:
        """The events of that name and with these facts that it has logged."""
        found = (_event(line) for line in self.lines if f'"{name}"' in line)
        return [each for each in found if each.get("event") == name and facts.items() <= each.items()]

    async def ended(self, within: float = STOP_WITHIN) -> int:
        """Wait until it has ended by itself: its exit status, negative for a signal. Raises ProcessEnded."""
        try:
            async with asyncio.timeout(within):
                status = await self._process.wait()
                await asyncio.shield(self._reading)
                return status
        except TimeoutError:
            raise self.failure(f"still running after {within:g} s") from None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def stop_reading(self) -> None:
        """Read its log no more: whatever it writes from now on meets a closed pipe."""
        self._pipe.close()

    def lift(self, number: int) -> None:
        """Take a resource limit away again; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError, ValueError):
            for pid in (self.pid, self.writer):
                resource.prlimit(pid, number, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Both its processes stand still: neither writes, and no checkpoint moves what the other has written."""
        halves = (self.writer, self.pid)
        for pid in halves:
            os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(20):
                while any(_state(pid) not in "TZ" for pid in halves):
                    await asyncio.sleep(0.001)
            yield
        finally:
            for pid in halves:
                os.kill(pid, signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.send(signal.SIGKILL)
        await self.ended()

    async def cut_off(self) -> None:
        """SIGKILL both its processes, as a power cut ends them: neither sees the other's end and tidies up."""
        writer = self.writer
        os.kill(writer, signal.SIGSTOP)
        self.send(signal.SIGKILL)
        os.kill(writer, signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """SIGTERM, SIGKILL where that is not enough: its exit status."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            return await self.ended()
        except ProcessEnded:
            await self.kill()
            raise

    def failure(self, what: str) -> ProcessEnded:
        """An error that says what happened and ends with the daemon's last words."""
        words = "\n".join(f"    {line}" for line in list(self.lines)[-15:]) or "    nothing"
        return ProcessEnded(f"{what} (exit status {self._process.returncode}); its last words:\n{words}")

    async def _read(self) -> None:
        while line := await self._log.readline():
            self.lines.append(line.decode("utf-8", "replace").rstrip())
            await self._tell()
        self._ended = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _as_a_service() -> dict[str, str]:
    """The environment without what spares a log of buffers, which systemd does not set either."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def _event(line: str) -> Mapping[str, Any]:
    try:
        event = orjson.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
