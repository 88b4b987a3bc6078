"""A rules file as read: its values, the line of each, and the findings gathered while it is checked."""

import datetime as dt
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from receiver.config.findings import Finding, Severity
from receiver.config.keys import keys_at
from receiver.config.locate import Lines, locate
from receiver.config.wording import message
from receiver.errors import ConfigError

T = TypeVar("T")
KeyPath = tuple[str | int, ...]

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_CURES = (
    ("Invalid value", "this is not a TOML value: put text in quotes"),
    ("Invalid statement", "this is neither key = value nor a [table]"),
    ("Expected '=' after a key", "a key is followed by = and its value"),
    ("Invalid initial character for a key part", "a key is letters, digits, - and _, or is put in quotes"),
    ("Expected newline or end of document", "the line should end here: put text in quotes, and one key on a line"),
    ("Illegal character", "a text does not go on over the end of the line: close its quotes"),
    ("Unterminated string", "the quotes of a text are not closed"),
    ("Expected ']'", "the name of a [table] is not closed: it ends with ]"),
    ("Expected ']]'", "the name of a list of tables is not closed: it ends with ]]"),
    ("Expected", "the quotes of a text are not closed"),
    ("Unclosed array", "a list is not closed: a comma between its entries, ] at its end"),
    ("Unclosed inline table", "a table in braces is not closed, and stands on one line"),
    ("Cannot overwrite a value", "this key is set already"),
    ("Cannot declare", "this table is there already: write its keys in one place, or [[…]] for a list of tables"),
    ("Cannot mutate immutable namespace", "a table in braces cannot be added to later"),
    ("Duplicate inline table key", "this key is set already"),
    (
        "Unescaped '\\' in a string",
        "a backslash in double quotes is written \\\\; in single quotes it stands for itself",
    ),
)


class Source:
    """One rules file. Raises ConfigError at once where it is not TOML; everything else is gathered by `report`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.findings: list[Finding] = []
        text = self._text()
        try:
            values = tomllib.loads(text)
            self.lines: Lines = locate(text)
            self.data: Mapping[str, Any] = self._plain(values, ())
        except tomllib.TOMLDecodeError as error:
            raise ConfigError([self._syntax_error(str(error), text)]) from None
        except RecursionError:
            raise ConfigError([self._at(1, "lists or tables are nested too deep")]) from None

    def report(self, path: KeyPath, text: str, severity: Severity = "error", near: KeyPath | None = None) -> None:
        """Note a finding at a key. `near` is the key whose line is named, where it is not the key's own."""
        self.findings.append(Finding(str(self.path), self.lines.of(near or path), path, text, severity))

    def raise_errors(self) -> None:
        """Raise ConfigError where there are errors."""
        if any(finding.severity == "error" for finding in self.findings):
            raise ConfigError(sorted(self.findings, key=lambda finding: finding.line))

    def validated(self, adapter: TypeAdapter[T], values: Any, path: KeyPath, more_keys: Iterable[str] = ()) -> T | None:
        """The values in their type, or None and findings. `more_keys` are known at the top besides the type's own.

        Values are validated as JSON, strictly: lists become tuples and texts paths, but no text becomes a number.
        """
        try:
            context = {"directory": self.path.absolute().parent}
            return adapter.validate_json(json.dumps(values), strict=True, context=context)
        except ValidationError as error:
            for detail in _without_echoes(error.errors(include_url=False)):
                known = keys_at(adapter, detail["loc"][:-1])
                absent = detail["type"].startswith("missing") or (detail["loc"] or (None,))[-1] in known
                loc = inner_path(values, detail["loc"], absent)
                self.report((*path, *loc), message(detail, [*known, *(more_keys if len(loc) == 1 else ())]))
        return None

    def _plain(self, value: Any, path: KeyPath) -> Any:
        """The value without what TOML has and no key takes, which is reported: dates, times, nan and inf."""
        if isinstance(value, dict):
            return {name: self._plain(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item, (*path, place)) for place, item in enumerate(value)]
        if isinstance(value, dt.date | dt.time):
            self.report(path, "no key takes a date or a time as such: put it in quotes")
            return str(value)
        if isinstance(value, float) and not math.isfinite(value):
            self.report(path, f"{value} is no number that can be used here")
            return 0.0
        return value

    def _text(self) -> str:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ConfigError([self._at(0, f"cannot be read: {error.strerror}")]) from None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            column = error.start - content.rfind(b"\n", 0, error.start)
            raise ConfigError([self._at(line, "is not UTF-8 text: save the file as UTF-8", column)]) from None

    def _syntax_error(self, text: str, content: str) -> Finding:
        found = _PLACE.search(text)
        problem = text[: found.start()] if found else text
        cure = next((cure for beginning, cure in _CURES if problem.startswith(beginning)), "")
        words = f"invalid TOML: {cure} ({problem})" if cure else f"invalid TOML: {problem}"
        if found and found[1]:
            return self._at(int(found[1]), words, int(found[2]))
        return self._at(content.rstrip().count("\n") + 1, words)

    def _at(self, line: int, text: str, column: int | None = None) -> Finding:
        return Finding(str(self.path), line, (), text, column=column)


def _without_echoes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists said to be too short only because an entry of theirs is wrong."""
    locs = [error["loc"] for error in errors]
    return [
        error for error in errors if error["type"] != "too_short" or not any(loc[:-1] == error["loc"] for loc in locs)
    ]


def inner_path(values: Any, loc: Sequence[str | int], absent: bool = False) -> KeyPath:
    """The part of pydantic's location that is in the file: without the names it gives to the branches of a union.

    Where the key may be `absent`, the location's last part is one, whether it is in the file or not.
    """
    path: list[str | int] = []
    for place, part in enumerate(loc):
        if isinstance(values, Mapping) and (part in values or (absent and place == len(loc) - 1)):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            continue
        path.append(part)
    return tuple(path)
