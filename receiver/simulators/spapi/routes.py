"""Which operation a request means, by the catalogue."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from receiver.simulators.spapi.ask import Rejected


class Routes:
    """Operations by method and path."""

    def __init__(self, operations: Iterable[Any]) -> None:
        self._by_shape: dict[tuple[str, int], list[tuple[list[str], Any]]] = {}
        for operation in operations:
            parts = operation.path.split("/")
            self._by_shape.setdefault((operation.method, len(parts)), []).append((parts, operation))
        for candidates in self._by_shape.values():
            candidates.sort(key=lambda candidate: sum(_is_field(part) for part in candidate[0]))

    def find(self, method: str, raw_path: str) -> tuple[Any, dict[str, list[str]]]:
        """The operation of a percent-encoded path and the values in it. Raises Rejected."""
        given = raw_path.split("/")
        for parts, operation in self._by_shape.get((method, len(given)), []):
            if all(_is_field(part) or part == value for part, value in zip(parts, given, strict=True)):
                fields = zip(parts, given, strict=True)
                return operation, {part[1:-1]: [unquote(value)] for part, value in fields if _is_field(part)}
        raise Rejected(404, "NotFound", "The requested resource is not found: no operation has that method and path")


def _is_field(part: str) -> bool:
    return part.startswith("{")
