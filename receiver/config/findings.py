"""What is wrong, or doubtful, in a rules file, and where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from receiver.escapes import escaped

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `path` names the key: keys of tables and, from 0, indices of arrays."""

    file: str
    line: int
    """From 1; 0 where the finding is of the whole file."""
    path: tuple[str | int, ...]
    message: str
    severity: Severity = "error"
    column: int | None = None
    """Known for TOML's own errors only."""

    @property
    def key(self) -> str:
        """The path as people write it: `rules[0].match.type`."""
        return key_path(self.path)

    def __str__(self) -> str:
        numbers = (number for number in (self.line, self.column) if number)
        place = ":".join([self.file, *map(str, numbers)])
        warning = "warning: " if self.severity == "warning" else ""
        return f"{place}: {warning}{self.key}{': ' if self.path else ''}{escaped(self.message)}"


def key_path(path: Sequence[str | int]) -> str:
    """A path as it is written in TOML, with indices in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else _quoted(part))
    return text


def _quoted(key: str) -> str:
    shown = key if key.isprintable() else ascii(key)[1:-1]
    return '"' + shown.replace('"', '\\"') + '"'
