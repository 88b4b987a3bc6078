"""What the sender was told and what the sink saw, as JSON lines: one file for each."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

T = TypeVar("T")


class RecordError(Exception):
    """A record cannot be read; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Told:
    """One push and its answer; `status` is None where no answer came. `at` is when, in seconds since the epoch."""

    message_id: str
    notification_id: str
    status: int | None
    seconds: float
    at: float
    detail: str = ""

    @property
    def acknowledged(self) -> bool:
        """Whether SNS would take the push as delivered and never send it again."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Killed:
    """The daemon was ended with SIGKILL (or crashed) at a time."""

    killed: int
    at: float


@dataclass(frozen=True, slots=True)
class Arrived:
    """One webhook that the sink took."""

    webhook_id: str
    at: float


class Recorder:
    """Appends records to a file, each at once: a record outlives whoever writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO = path.open("a", buffering=1)

    def add(self, record: Told | Killed | Arrived) -> None:
        """Write one record."""
        self._file.write(json.dumps(asdict(record)) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Story:
    """All that was sent, in its order, and how often the daemon was killed."""

    told: tuple[Told, ...]
    kills: int


def read_told(path: Path) -> Story:
    """The sender's record. Raises RecordError."""
    told: list[Told] = []
    kills = 0
    for number, fields in _lines(path):
        if "killed" in fields:
            kills += 1
        else:
            told.append(_record(Told, path, number, fields))
    return Story(tuple(told), kills)


def read_arrived(path: Path) -> tuple[Arrived, ...]:
    """The sink's record. Raises RecordError."""
    return tuple(_record(Arrived, path, number, fields) for number, fields in _lines(path))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise RecordError(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise RecordError(f"{path}:{number}: not an object: {line[:60]}")
        yield number, fields


def _record(kind: type[T], path: Path, number: int, fields: dict[str, Any]) -> T:
    try:
        return kind(**fields)
    except TypeError as error:
        raise RecordError(f"{path}:{number}: no record of this kind: {error}") from None
