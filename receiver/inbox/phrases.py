"""What a search looks for in messages: a text, or an identifier, tried by the database first where that can be."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from receiver.inbox.filters import Conditions
from receiver.inbox.identifiers import fold, stored_identifiers

_STRIDE, _STRIDE_READ, _STRIDE_WITHOUT_BODY = 2_000, 250, 20_000
"""Notifications at a time: where the database looks for a text, where each message is read, and where none is."""
_LIKE = "CAST(bodies.body AS TEXT) LIKE ? ESCAPE '\\'"
_SEALED = "substr(bodies.body, 1, 1) = x'00'"
"""No JSON begins with a zero byte: such a body is encrypted."""

Reveal = Callable[[bytes], bytes]
"""Opens a body that is kept encrypted, and leaves any other as it is."""


def plain(body: bytes) -> bytes:
    """The Reveal of an inbox in which nothing is encrypted."""
    return body


class Phrase:
    """A text anywhere in a message, in any case of its ASCII letters."""

    def __init__(self, text: str, reveal: Reveal) -> None:
        self.text = text
        self._reveal = reveal
        self._forms = _forms(text) if text else []

    def restrict(self, conditions: Conditions) -> None:
        """Ask that a body contains the text as it is, or as JSON writes it within JSON, or is encrypted."""
        if self._forms:
            likes = [_LIKE] * len(self._forms)
            conditions.texts.append(f"({' OR '.join([*likes, _SEALED])})")
            conditions.values += [f"%{_literal(form)}%" for form in self._forms]

    @property
    def stride(self) -> int:
        """How many notifications to look through at a time."""
        return _STRIDE if self.text else _STRIDE_WITHOUT_BODY

    def among(self, rows: Sequence[Any]) -> list[int]:
        """Of rows that were found, the ids of those that are meant."""
        return [row[0] for row in rows if self._holds(row)]

    def _holds(self, row: Any) -> bool:
        """Whether a row is meant; of an encrypted one the database cannot tell."""
        if not self.text or row[2][:1] != b"\0":
            return True
        text = self._reveal(row[2]).decode("utf-8", "replace").lower()
        return any(form.lower() in text for form in self._forms)


class Named(Phrase):
    """An identifier, or the beginning of one, among those of a message."""

    def __init__(self, term: str, reveal: Reveal, *, exact: bool) -> None:
        super().__init__(term, reveal)
        self._exact = exact
        if not term.isascii() or not term.isprintable() or {'"', "\\"} & set(term):
            self._forms = []

    @property
    def stride(self) -> int:
        return _STRIDE_READ

    def _holds(self, row: Any) -> bool:
        values = (fold(each.value) for each in stored_identifiers(self._reveal(row[2]), row[1]))
        return any(value == self.text or (not self._exact and value.startswith(self.text)) for value in values)


def _forms(text: str) -> list[str]:
    """A text as itself, and as it stands in a JSON string and in a JSON string of such a string."""
    forms = {text: None}
    for ascii_alone in (False, True):
        inner = json.dumps(text, ensure_ascii=ascii_alone)[1:-1]
        forms |= dict.fromkeys((inner, json.dumps(inner, ensure_ascii=ascii_alone)[1:-1]))
    return list(forms)


def _literal(text: str) -> str:
    """A text as LIKE's pattern for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
