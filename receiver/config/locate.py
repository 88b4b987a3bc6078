"""On which line each key of a TOML file stands: what tomllib does not tell.

Grammar: TOML 1.0 (https://toml.io/en/v1.0.0). Only for text that tomllib has accepted: nothing is checked again here.
"""

import bisect
import re
import tomllib
from collections.abc import Sequence

Path = tuple[str | int, ...]
"""Keys of tables and, from 0, indices of arrays."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'"
)


class Lines:
    """The line of each path of a TOML text."""

    def __init__(self, offsets: dict[Path, int], text: str) -> None:
        starts = [found.end() for found in re.finditer("\n", text)]
        self._lines = {path: bisect.bisect_right(starts, offset) + 1 for path, offset in offsets.items()}

    @property
    def paths(self) -> frozenset[Path]:
        """Every path that the text gives a value."""
        return frozenset(self._lines)

    def of(self, path: Sequence[str | int]) -> int:
        """The line (from 1) of the path's key, or of the nearest table around it where the path is not in the text."""
        for depth in range(len(path), 0, -1):
            if line := self._lines.get(tuple(path[:depth])):
                return line
        return 1


def locate(text: str) -> Lines:
    """Find the line of every table, key and array element."""
    text = text.replace("\r\n", "\n")
    scanner = _Scanner(text)
    scanner.document()
    return Lines(scanner.offsets, text)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.offsets: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text.startswith("[", self.place):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`; the path of the table it opens."""
        offset = self.place
        array = self.text.startswith("[[", offset)
        self.place += 2 if array else 1
        keys = self._keys()
        self.place += 2 if array else 1
        *above, last = keys
        table: Path = ()
        for key in above:
            table = self._last_element((*table, key))
            self.offsets.setdefault(table, offset)
        table = self._new_element((*table, last), offset) if array else self._last_element((*table, last))
        self.offsets[table] = offset
        return table

    def _last_element(self, path: Path) -> Path:
        """The path, or its newest element where it is an array of tables."""
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _new_element(self, path: Path, offset: int) -> Path:
        self.offsets.setdefault(path, offset)
        self._lengths[path] = self._lengths.get(path, 0) + 1
        return self._last_element(path)

    def _pair(self, table: Path) -> None:
        offset = self.place
        path = table
        for key in self._keys():
            path = (*path, key)
            self.offsets.setdefault(path, offset)
        self.place += 1
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key())
            self._skip(_SPACE)
            if not self.text.startswith(".", self.place):
                return keys
            self.place += 1

    def _key(self) -> str:
        start = self.place
        if self.text[start] in "\"'":
            end = self._skip(_STRING)
            key = tomllib.loads(f"key = {self.text[start:end]}")["key"]
        else:
            key = self.text[start : self._skip(_BARE_KEY)]
        return str(key)

    def _value(self, path: Path) -> None:
        match self.text[self.place]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self.place += 1
        index = 0
        while not self._closes("]"):
            self.offsets[*path, index] = self.place
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: Path) -> None:
        self.place += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        """Step over blanks, a comma and, where it comes next, the closing bracket."""
        if self.text.startswith(",", self._skip(_BLANK)):
            self.place += 1
            self._skip(_BLANK)
        closed = self.text.startswith(bracket, self.place)
        self.place += closed
        return closed

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.place)
        self.place = found.end() if found else self.place
        return self.place
