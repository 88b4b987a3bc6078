"""What happened when: the counters of `receiver.metrics` by the minute, kept in the inbox for the charts.

Off the hot path: the counters are read every few seconds, and what they grew by belongs to the minute. Names of counts
are `received`, `accepted`, `duplicates`, `unrouted`, `refused REASON`, `unavailable REASON`, `attempts OUTCOME`,
`deliveries STATE`, `rule NAME`, and for latencies `push LOWER..UPPER` and `delivery LOWER..UPPER`, the bounds of the
histogram's bucket in seconds.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox.minutes import Minute, Minutes

_logger = logging.getLogger(__name__)
_EVERY = 5.0
_MINUTE = 60

_TOTALS = {
    "spapi_router_received": ("received", ""),
    "spapi_router_accepted": ("accepted", ""),
    "spapi_router_duplicates": ("duplicates", ""),
    "spapi_router_unrouted": ("unrouted", ""),
    "spapi_router_refused": ("refused", "reason"),
    "spapi_router_unavailable": ("unavailable", "reason"),
    "spapi_router_attempts": ("attempts", "outcome"),
    "spapi_router_deliveries": ("deliveries", "state"),
    "spapi_router_rule_hits": ("rule", "rule"),
}
"""Counters: the name of the count, and the label that is part of it."""
_HISTOGRAMS = {"spapi_router_push_seconds": "push", "spapi_router_delivery_seconds": "delivery"}
_SAMPLES = (*(f"{name}_total" for name in _TOTALS), *(f"{name}_bucket" for name in _HISTOGRAMS))


class History:
    """Follows the counters of a registry, minute by minute."""

    def __init__(self, registry: CollectorRegistry, minutes: Minutes, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._minutes = minutes
        self._clock = clock
        self._last: Counter[str] = Counter()
        self._open = self._this_minute()
        self._counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Follow until cancelled; the last counts are kept then too."""
        try:
            while True:
                await asyncio.sleep(_EVERY)
                await self.look()
        finally:
            self._sample()
            await self._keep()

    async def look(self) -> None:
        """Read the counters, and keep the minute where it is over."""
        self._sample()
        if self._this_minute() != self._open:
            await self._keep()
            self._open = self._this_minute()

    async def since(self, at: float) -> list[Minute]:
        """The minutes from the one of a time up to now, those without counts left out. Raises Unavailable."""
        self._sample()
        kept = await self._minutes.since(at // _MINUTE * _MINUTE)
        now = [Minute(self._open, dict(self._counts))] if self._counts and self._open + _MINUTE > at else []
        return [*kept, *now]

    def _this_minute(self) -> int:
        return int(self._clock()) // _MINUTE * _MINUTE

    def _sample(self) -> None:
        totals = totals_of(self._registry.restricted_registry(_SAMPLES).collect())
        self._counts += totals - self._last
        self._last = totals

    async def _keep(self) -> None:
        """Keep the open minute's counts. What cannot be kept now stays with the next minute's."""
        if not self._counts:
            return
        minute = Minute(self._open, dict(self._counts))
        try:
            await self._minutes.add(minute)
        except Unavailable as error:
            log(_logger, logging.WARNING, "history_delayed", reason=error.reason)
        else:
            self._counts -= Counter(minute.counts)


def totals_of(families: Iterable[Metric]) -> Counter[str]:
    """The counts that the metrics stand at."""
    totals: Counter[str] = Counter()
    for family in families:
        if family.name in _TOTALS:
            name, label = _TOTALS[family.name]
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    totals[f"{name} {sample.labels.get(label, '')}" if label else name] += int(sample.value)
        elif family.name in _HISTOGRAMS:
            totals += _buckets(family, _HISTOGRAMS[family.name])
    return totals


def _buckets(family: Metric, name: str) -> Counter[str]:
    """How many observations fell into each bucket, of all labels together: buckets of Prometheus are cumulative."""
    own: Counter[str] = Counter()
    below, lower = 0.0, math.inf
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            upper = float(sample.labels["le"])
            if upper < lower:
                below, lower = 0.0, 0.0
            own[f"{name} {lower:g}..{upper:g}"] += int(sample.value - below)
            below, lower = sample.value, upper
    return own


def named(counts: Mapping[str, int], name: str) -> dict[str, int]:
    """Of counts those of one name, by what stands behind it: `named(counts, "refused")` gives counts by reason."""
    prefix = f"{name} "
    return {key.removeprefix(prefix): count for key, count in counts.items() if key.startswith(prefix)}
