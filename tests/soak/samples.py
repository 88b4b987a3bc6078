"""What is measured of the running daemon and its children, from /proc (proc(5)), the file system and the answers."""

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from tests.faults.record import Recorder, Told

_PAGE = resource.getpagesize()
_MIBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. Latencies are those of the pushes acknowledged since the look before, None where there were few."""

    at: float
    """Seconds since the start of the soak."""
    life: int
    """Which daemon it was: one more after each kill."""
    quiet: bool
    """Whether no fault was on since the look before."""
    memory: float
    """Resident MiB of the daemon and its children."""
    descriptors: int
    threads: int
    database: float
    """MiB of the database and its write-ahead log."""
    p50: float | None
    """Milliseconds, as p99."""
    p99: float | None


class Ear(Recorder):
    """A record of what the sender was told that also gathers how long acknowledged pushes took."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._seconds: list[float] = []

    def add(self, record: object) -> None:
        """Write one record."""
        super().add(record)  # type: ignore[arg-type]
        if isinstance(record, Told) and record.acknowledged:
            self._seconds.append(record.seconds)

    def latencies(self) -> tuple[float | None, float | None]:
        """Median and 99th percentile in milliseconds since the call before."""
        seconds, self._seconds = self._seconds, []
        if len(seconds) < 10:
            return None, None
        cuts = statistics.quantiles(seconds, n=100)
        return cuts[49] * 1000, cuts[98] * 1000


class Sampler:
    """Takes samples and keeps them, also as JSON lines in a file."""

    def __init__(self, database: Path, ear: Ear, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.samples: list[Sample] = []
        self._database = database
        self._ear = ear
        self._file = path.open("ab", buffering=0)
        self._clock = clock
        self._started = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def take(self, pid: int, life: int, quiet: bool) -> None:
        """Look at a daemon; nothing is kept of one that ends meanwhile."""
        p50, p99 = self._ear.latencies()
        try:
            family = list(_family(pid))
            memory = sum(_resident(each) for each in family) / _MIBIBYTE
            descriptors = sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in family)
            threads = sum(len(list(Path(f"/proc/{each}/task").iterdir())) for each in family)
        except (FileNotFoundError, ProcessLookupError):
            return
        sample = Sample(
            round(self.elapsed, 2), life, quiet, memory, descriptors, threads, _size(self._database), p50, p99
        )
        self.samples.append(sample)
        self._file.write(orjson.dumps(asdict(sample)) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _size(database: Path) -> float:
    files = (database, database.with_name(database.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists()) / _MIBIBYTE
