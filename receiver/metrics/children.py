"""A metric's children by the values of their labels: each made once, and no more of them than are bearable."""

from collections.abc import Callable
from typing import Generic, TypeVar

C = TypeVar("C")

OTHER = "other"
"""The label value that all share who come after the last that was let in."""
NONE = "none"
"""The label value of an empty text, which Prometheus would take for no label at all."""

_LONGEST = 100


class Children(Generic[C]):
    """The children of a family. The way to a known one is a look into a dictionary."""

    def __init__(self, make: Callable[[], C], most: int = 500) -> None:
        """At most `most` combinations of label values are told apart."""
        self._make = make
        self._most = most
        self._known: dict[tuple[str, ...], C] = {}
        self._shown: dict[tuple[str, ...], C] = {}

    def labels(self, *values: str) -> C:
        """The child of these values."""
        child = self._known.get(values)
        return self._meet(values) if child is None else child

    def items(self) -> list[tuple[tuple[str, ...], C]]:
        """All children with the label values they are shown by. May be called from any thread."""
        return list(self._shown.items())

    def _meet(self, values: tuple[str, ...]) -> C:
        if len(self._known) >= self._most:
            return self._child((OTHER,) * len(values))
        if any(len(value) > _LONGEST for value in values):
            return self._child(tuple(OTHER if len(value) > _LONGEST else value for value in values))
        child = self._known[values] = self._child(values)
        return child

    def _child(self, values: tuple[str, ...]) -> C:
        shown = tuple(value or NONE for value in values)
        child = self._shown.get(shown)
        if child is None:
            child = self._shown[shown] = self._make()
        return child
