"""A child process that cannot outgrow its bounds: output, time, and whatever it starts itself."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

KEPT = 4096
"""Bytes of standard error that are kept: its end, where programs say what went wrong."""

_LAST_WORDS = 1.0
"""Seconds for output to arrive after the process has gone: something it started may hold its pipes open."""
_STDIN, _STDOUT, _STDERR = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `grace` is in seconds: between SIGTERM and SIGKILL."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path | None
    most_output: int
    grace: float


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended."""

    code: int
    """The exit code, or the negative number of the signal that killed it."""
    output: bytes
    whole: bool
    """Whether `output` is all that was written to standard output."""
    errors: bytes
    """The end of standard error."""


async def run(command: Command, given: bytes) -> Finished:
    """Run a command with `given` on its standard input until it exits.

    It leads a session and process group of its own. The group is ended with it: also when this is cancelled, then
    with SIGTERM and, after `grace`, SIGKILL. Raises OSError where it cannot be started.
    """
    starting = asyncio.ensure_future(_start(command))
    cancelled = await _whole(starting)
    transport, watch = starting.result()
    group = transport.get_pid()
    try:
        _heed(cancelled)
        watch.feed(transport, given)
        await asyncio.wait([watch.exited])
        _signal(group, signal.SIGTERM)
        await _within(_LAST_WORDS, watch.closed)
    except asyncio.CancelledError:
        _signal(group, signal.SIGTERM)
        await _within(command.grace, watch.closed)
        raise
    finally:
        _signal(group, signal.SIGKILL)
        transport.close()
        await _within(_LAST_WORDS, watch.closed)
    code = transport.get_returncode()
    return Finished(-signal.SIGKILL if code is None else code, bytes(watch.output), watch.whole, bytes(watch.errors))


async def _start(command: Command) -> tuple[asyncio.SubprocessTransport, "_Watch"]:
    loop = asyncio.get_running_loop()
    return await loop.subprocess_exec(
        lambda: _Watch(command.most_output, loop),
        *command.arguments,
        env=dict(command.environment),
        cwd=command.directory,
        start_new_session=True,
    )


async def _whole(starting: asyncio.Future[Any]) -> bool:
    """Wait until a start is over, and tell whether this was cancelled meanwhile.

    A start that is broken off leaves a process that nobody knows, and asyncio waits for its end for ever.
    """
    cancelled = False
    while not starting.done():
        try:
            await asyncio.wait([starting])
        except asyncio.CancelledError:
            cancelled = True
    _heed(cancelled and starting.exception() is not None)
    return cancelled


def _heed(cancelled: bool) -> None:
    """Be cancelled, where that was put off."""
    if cancelled:
        raise asyncio.CancelledError


class _Watch(asyncio.SubprocessProtocol):
    """Collects what a process writes, as far as it is wanted, and learns when it ends."""

    def __init__(self, most: int, loop: asyncio.AbstractEventLoop) -> None:
        self.output = bytearray()
        self.errors = bytearray()
        self.whole = True
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        """After `exited`, when the last of those who hold its pipes has closed them."""
        self._most = most

    def feed(self, transport: asyncio.SubprocessTransport, given: bytes) -> None:
        pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(_STDIN))  # uvloop's is one by its looks only
        if not pipe.is_closing():
            pipe.write(given)
            pipe.close()

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        chunk = data if isinstance(data, bytes) else data.encode()
        if fd == _STDERR:
            self.errors += chunk
            del self.errors[:-KEPT]
            return
        room = self._most - len(self.output)
        self.output += chunk[:room]
        self.whole = self.whole and len(chunk) <= room

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


def _signal(group: int, number: signal.Signals) -> None:
    """To the whole group, which may live on after its leader."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _within(seconds: float, future: asyncio.Future[None]) -> None:
    """Wait for a future, but not longer than `seconds`."""
    if not future.done():
        await asyncio.wait([future], timeout=seconds)
