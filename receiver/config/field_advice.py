"""Warnings about fields and types that no notification has."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from receiver.config.catalogue import DOCUMENT_FIELDS, Catalogue, UnknownField
from receiver.config.source import KeyPath, Source
from receiver.config.suggest import did_you_mean, nearest

INTERNAL = "router."
"""What the types of the daemon's own notifications begin with."""
_LISTED = 8


class FieldAdvice:
    """Reports to a source what its patterns and templates name and no notification has."""

    def __init__(self, source: Source, catalogue: Catalogue) -> None:
        self._source = source
        self._catalogue = catalogue

    def check(
        self, path: KeyPath, field: Sequence[str], types: Collection[str] | None, more: Sequence[str] = ()
    ) -> None:
        """Warn of a field that is unknown.

        `types` are those that the notification can have, None for any; `more` are fields at the top of the document
        besides the notification's own.
        """
        top, *inner = field
        if top not in (*DOCUMENT_FIELDS, *more):
            hint = did_you_mean(top, (*DOCUMENT_FIELDS, *more), "there are")
            self._warn(path, f'a notification has no field "{top}": {hint}')
        elif top == "payload" and not any(name.startswith(INTERNAL) for name in types or ()):
            wanted = types if types and self._catalogue.payloads.keys() >= set(types) else None
            fault = self._catalogue.unknown([name for name in inner if not name.isdecimal()], wanted)
            if fault:
                self._warn(path, _described(fault, wanted))

    def check_types(self, path: KeyPath, match: Mapping[str, Any]) -> None:
        """Warn of a pattern's types that SP-API does not have; none at all stands for what is not SP-API's."""
        values = match.get("type")
        known = self._catalogue.types
        for place, value in enumerate(values if isinstance(values, list) else ()):
            if isinstance(value, str) and value and value not in known and not value.startswith(INTERNAL):
                near = nearest(value, known)
                hint = f': did you mean "{near}"?' if near else ", unless it is new"
                self._warn((*path, place), f'"{value}" is not a notification type of SP-API{hint}')

    def _warn(self, path: KeyPath, text: str) -> None:
        self._source.report(path, text, "warning")


def _described(fault: UnknownField, types: Collection[str] | None) -> str:
    *above, strange = fault.path
    near = nearest(strange, fault.siblings)
    hint = f': did you mean "{near}"?' if near else _listed(fault.siblings) if types else ""
    of = " or ".join(types) if types else "known"
    return f'"{strange}" does not occur in {".".join(("payload", *above))} of {of} notifications{hint}'


def _listed(siblings: Sequence[str]) -> str:
    more = ", …" if len(siblings) > _LISTED else ""
    return f": there are {', '.join(siblings[:_LISTED])}{more}" if siblings else ": there is a plain value"
