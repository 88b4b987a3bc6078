"""Makes metric families under this program's prefix, in one registry."""

from collections.abc import Iterator, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from receiver.metrics.children import Children
from receiver.metrics.counts import Buckets, Count

_PREFIX = "spapi_router_"


class Counters(Children[Count], Collector):
    """A counter for each combination of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str], most: int) -> None:
        super().__init__(Count, most)
        self._family = partial(CounterMetricFamily, _PREFIX + name, text, labels=labels)

    def describe(self) -> Iterator[Metric]:
        """The family without samples."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """The family as its counters stand."""
        family = self._family()
        for labels, count in self.items():
            family.add_metric(labels, count.value)
        yield family


class Histograms(Children[Buckets], Collector):
    """A histogram for each combination of labels."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str]) -> None:
        super().__init__(partial(Buckets, bounds))
        self._family = partial(HistogramMetricFamily, _PREFIX + name, text, labels=labels)

    def describe(self) -> Iterator[Metric]:
        """The family without samples."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """The family as its histograms stand."""
        family = self._family()
        for labels, buckets in self.items():
            family.add_metric(labels, buckets.cumulative(), buckets.sum)
        yield family


class Families:
    """The maker of a registry's families."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str) -> Count:
        """A counter without labels."""
        return self.counters(name, text).labels()

    def counters(self, name: str, text: str, *labels: str, most: int = 500) -> Counters:
        """A counter for each combination of labels, at most `most` of them apart."""
        counters = Counters(name, text, labels, most)
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
        histograms = Histograms(name, text, bounds, labels)
        self._registry.register(histograms)
        return histograms
