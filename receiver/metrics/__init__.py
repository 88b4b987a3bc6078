"""What the daemon counts and measures, in Prometheus' conventions of names and units."""

from receiver.metrics.metrics import Metrics
from receiver.metrics.readings import Looks, Readings, Sources

__all__ = ["Looks", "Metrics", "Readings", "Sources"]
