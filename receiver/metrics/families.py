"""Makes metric families under this program's prefix, in one registry."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from receiver.metrics.children import Children

_PREFIX = "spapi_router_"


class Families:
    """The maker of a registry's families."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str) -> Counter:
        """A counter without labels."""
        return Counter(_PREFIX + name, text, registry=self._registry)

    def counters(self, name: str, text: str, *labels: str, most: int = 500) -> Children[Counter]:
        """A counter for each combination of labels, at most `most` of them apart."""
        return Children(Counter(_PREFIX + name, text, labels, registry=self._registry), most)

    def gauge(self, name: str, text: str) -> Gauge:
        """A gauge without labels."""
        return Gauge(_PREFIX + name, text, registry=self._registry)

    def histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        """A histogram without labels."""
        return Histogram(_PREFIX + name, text, buckets=buckets, registry=self._registry)

    def histograms(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Children[Histogram]:
        """A histogram for each combination of labels."""
        return Children(Histogram(_PREFIX + name, text, labels, buckets=buckets, registry=self._registry))
