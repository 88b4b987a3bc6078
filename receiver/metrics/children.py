"""A metric's children by the values of their labels: each made once, and no more of them than are bearable."""

from collections.abc import Iterable
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

M = TypeVar("M", Counter, Gauge, Histogram)

OTHER = "other"
"""The label value that all share who come after the last that was let in."""
NONE = "none"
"""The label value of an empty text, which Prometheus would take for no label at all."""

_LONGEST = 100


class Children(Generic[M]):
    """The children of a family. The way to a known one is a look into a dictionary."""

    def __init__(self, family: M, most: int = 500) -> None:
        """At most `most` combinations of label values are told apart."""
        self._family: M = family
        self._most = most
        self._known: dict[tuple[str, ...], M] = {}

    def labels(self, *values: str) -> M:
        """The child of these values."""
        child = self._known.get(values)
        return self._meet(values) if child is None else child

    def collect(self) -> Iterable[Metric]:
        """The family with all of its children."""
        return self._family.collect()

    def _meet(self, values: tuple[str, ...]) -> M:
        if len(self._known) >= self._most:
            return self._child((OTHER,) * len(values))
        if any(len(value) > _LONGEST for value in values):
            return self._child(tuple(OTHER if len(value) > _LONGEST else value for value in values))
        child = self._known[values] = self._child(values)
        return child

    def _child(self, values: tuple[str, ...]) -> M:
        child: M = self._family.labels(*(value or NONE for value in values))
        return child
