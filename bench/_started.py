"""A daemon started as people start it, by its command line: how soon it is ready, where it listens, what it holds."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench._cpu import children_of

_LISTEN = re.compile(r" listen=(\S+)")


@dataclass(frozen=True, slots=True)
class Started:
    """A daemon that is ready."""

    pid: int
    seconds: float
    """From the start of its process until it was ready."""
    address: str

    def processes(self) -> list[int]:
        """The one with the listeners, then the one that writes."""
        return [self.pid, *children_of(self.pid)]


@contextmanager
def started(rules: Path) -> Iterator[Started]:
    """A daemon, ended at the end. What it logs at `info` is read and dropped."""
    begun = time.perf_counter()
    command = [sys.executable, "-P", "-m", "receiver", "serve", "--config", str(rules)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        dropping = threading.Thread(target=_drop, args=(process.stderr,), daemon=True)
        try:
            said = next(line for line in process.stderr if " ready " in line or "Error" in line)
            seconds = time.perf_counter() - begun
            if not (found := _LISTEN.search(said)):
                raise SystemExit(said)
            dropping.start()
            yield Started(process.pid, seconds, found[1])
        finally:
            process.kill()
            if dropping.ident:
                dropping.join()


def _drop(log: IO[str]) -> None:
    while log.read(1 << 16):
        pass


def resident(pid: int) -> float:
    """MiB that a process holds."""
    return _memory(pid)["Rss"]


def resident_together(pids: Iterable[int]) -> float:
    """MiB that a process and those it has forked hold, what they share counted once.

    Programs and libraries count whole, although other processes may use them too: by their share of them, the same
    daemon would hold less the more of Python runs beside it.
    """
    memories = [_memory(pid) for pid in pids]
    own = sum(memory["Pss_Anon"] for memory in memories)
    return own + max(memory["Rss"] - memory["Anonymous"] for memory in memories)


def _memory(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    fields = [line.split() for line in lines]
    return {name.rstrip(":"): int(kibibytes) / 1024 for name, kibibytes, *_ in fields}
