"""What a running daemon leaves in its inbox about itself, so that commands beside it find its doors."""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

NOTE = "daemon"
"""The name of the note."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A daemon that has started. Addresses are HOST:PORT or unix:PATH."""

    pid: int
    listen: tuple[str, ...]
    admin: tuple[str, ...]
    rules: str
    """The path of its rules file."""
    rules_stamp: int
    """The file's modification time in nanoseconds when it was last taken in."""

    def encode(self) -> bytes:
        """The note."""
        return orjson.dumps(asdict(self))

    @classmethod
    def decode(cls, note: bytes) -> "Presence":
        """The presence in a note. Raises ValueError."""
        fields = orjson.loads(note)
        try:
            listen, admin = (tuple(map(str, fields[name])) for name in ("listen", "admin"))
            return cls(int(fields["pid"]), listen, admin, str(fields["rules"]), int(fields["rules_stamp"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a daemon's note: {error!r}") from None


def stamp_of(rules: Path) -> int:
    """A rules file's modification time in nanoseconds, 0 where there is none."""
    try:
        return rules.stat().st_mtime_ns
    except OSError:
        return 0
