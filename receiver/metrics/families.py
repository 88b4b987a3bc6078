"""Makes metric families under this program's prefix, in one registry."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from receiver.metrics.children import Children
from receiver.metrics.counts import Buckets, Count

_PREFIX = "spapi_router_"

C = TypeVar("C")


class Shown(Children[C], Collector):
    """A metric's children as a family that Prometheus' library asks for."""

    def __init__(
        self, make: Callable[[], C], empty: Callable[[], Any], values: Callable[[C], tuple[Any, ...]], most: int = 500
    ) -> None:
        """`empty` gives the family without samples, `values` what its `add_metric` takes of a child."""
        super().__init__(make, most)
        self._empty = empty
        self._values = values

    def describe(self) -> Iterator[Metric]:
        """The family without samples."""
        yield self._empty()

    def collect(self) -> Iterator[Metric]:
        """The family as its children stand."""
        family = self._empty()
        for labels, child in self.items():
            family.add_metric(labels, *self._values(child))
        yield family


Counters = Shown[Count]
Histograms = Shown[Buckets]


class Families:
    """The maker of a registry's families."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str) -> Count:
        """A counter without labels."""
        return self.counters(name, text).labels()

    def counters(self, name: str, text: str, *labels: str, most: int = 500) -> Counters:
        """A counter for each combination of labels, at most `most` of them apart."""
        empty = partial(CounterMetricFamily, _PREFIX + name, text, labels=labels)
        counters = Counters(Count, empty, lambda count: (count.value,), most)
        self._registry.register(counters)
        return counters

    def gauge(self, name: str, text: str) -> Gauge:
        """A gauge without labels."""
        return Gauge(_PREFIX + name, text, registry=self._registry)

    def histogram(self, name: str, text: str, bounds: Sequence[float]) -> Buckets:
        """A histogram without labels."""
        return self.histograms(name, text, bounds).labels()

    def histograms(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> Histograms:
        """A histogram for each combination of labels."""
        empty = partial(HistogramMetricFamily, _PREFIX + name, text, labels=labels)
        histograms = Histograms(partial(Buckets, bounds), empty, lambda each: (each.cumulative(), each.sum))
        self._registry.register(histograms)
        return histograms
