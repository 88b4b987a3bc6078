"""The catalogue of SP-API's operations, found by full or by short name. Source: Amazon's public API models."""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import orjson

from handlers.spapi.errors import CatalogueError
from handlers.spapi.operation import Operation


class Catalogue:
    """Every operation, by name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = tuple(operations)
        self._named: dict[str, list[Operation]] = {}
        for operation in self._operations:
            for name in _names(operation):
                self._named.setdefault(name, []).append(operation)

    @classmethod
    def load(cls) -> "Catalogue":
        """The catalogue that the package carries."""
        text = resources.files("handlers.spapi").joinpath("data/operations.json").read_bytes()
        return cls.parse(orjson.loads(text))

    @classmethod
    def parse(cls, records: Sequence[Mapping[str, Any]]) -> "Catalogue":
        """A catalogue of records as operations.json holds them."""
        shared = Counter(_plain_name(record) for record in records)
        return cls(Operation.parse(record, _full_name(record, shared)) for record in records)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def __len__(self) -> int:
        return len(self._operations)

    @property
    def apis(self) -> list[str]:
        """The names of the APIs, sorted."""
        return sorted({operation.api for operation in self._operations})

    def of_api(self, api: str) -> list[Operation]:
        """The operations of an API (`orders`), or of one version of it (`orders.v0`). Raises CatalogueError."""
        found = [item for item in self._operations if api in {item.api, f"{item.api}.{item.version}"}]
        if found:
            return found
        known = {f"{item.api}.{item.version}" for item in self._operations} | set(self.apis)
        raise CatalogueError(f"there is no API {api!r}{_suggestion(api, known)}")

    def find(self, name: str) -> Operation:
        """The operation of a name: `orders.2026-01-01.getOrder` in full, or `orders.getOrder` or `getOrder`.

        A short name is taken where it names one operation, or one that is not deprecated. Raises CatalogueError,
        which says what was meant or which operations there are to choose from.
        """
        found = self._named.get(name, [])
        current = [operation for operation in found if not operation.deprecated]
        if len(found) == 1 or len(current) == 1:
            return (current or found)[0]
        if found:
            choices = ", ".join(operation.full_name for operation in current or found)
            old = [operation.full_name for operation in found if operation.deprecated] if current else []
            more = f"; deprecated: {', '.join(old)}" if old else ""
            raise CatalogueError(f"{name!r} names several operations: write one of {choices}{more}")
        raise CatalogueError(f"there is no operation {name!r}{_suggestion(name, self._named)}")


def _names(operation: Operation) -> set[str]:
    """The names an operation answers to."""
    plain = f"{operation.api}.{operation.version}.{operation.name}"
    return {operation.full_name, plain, f"{operation.api}.{operation.name}", operation.name}


def _plain_name(record: Mapping[str, Any]) -> str:
    return f"{record['api']}.{record['version']}.{record['operation']}"


def _full_name(record: Mapping[str, Any], shared: Mapping[str, int]) -> str:
    name = _plain_name(record)
    return f"{name}:{record['method']}" if shared[name] > 1 else name


def _suggestion(name: str, known: Iterable[str]) -> str:
    lowered = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f": did you mean {lowered[close[0]]!r}?"
    return ": `spapi-router operations list` shows them all"
