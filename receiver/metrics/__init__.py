"""What the daemon counts and measures, in Prometheus' conventions of names and units."""

from receiver.metrics.metrics import Metrics

__all__ = ["Metrics"]
