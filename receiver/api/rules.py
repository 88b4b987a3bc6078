"""The rules in force, with how often each fired."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from receiver.api.model import Answer, Asked
from receiver.api.operation import Call
from receiver.api.values import Time, seconds_of
from receiver.history import named
from receiver.inbox.minutes import Minute
from receiver.world import World


class SinceQuery(Asked):
    """What lies in the past."""

    since: Time = "24h"
    """From when on to count. Counts are kept by the minute, for 14 days."""


class RuleItem(Answer):
    """A rule of the rules file."""

    name: str
    description: str
    enabled: bool
    stop: bool
    """Whether no later rule is looked at where it matches."""
    match: dict[str, Any] | None
    """Its event pattern; null matches everything."""
    handlers: list[str]
    key: str | None
    """The template of its ordering key."""
    coalesce: float | None
    """Seconds that a delivery waits for newer ones of its key."""
    newest_only: bool
    line: int
    """Where it stands in the rules file."""
    hits: int
    """How often it fired."""


class RuleList(Answer):
    """The rules, in the order of the rules file."""

    file: str
    items: list[RuleItem]


class Rules:
    """`/rules`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def list(self, call: Call) -> RuleList:
        """Every rule. Raises Unavailable."""
        query: SinceQuery = call.query
        now = self._world.clock()
        hits = named(await counts_since(self._world, seconds_of(query.since, now) or 0.0), "rule")
        config = self._world.config()
        items = [
            RuleItem(
                name=rule.name,
                description=rule.description,
                enabled=rule.enabled,
                stop=rule.stop,
                match=dict(rule.pattern.source) if rule.pattern else None,
                handlers=list(rule.handlers),
                key=None if rule.key is None else str(rule.key),
                coalesce=rule.coalesce,
                newest_only=rule.newest_only,
                line=rule.line,
                hits=hits.get(rule.name, 0),
            )
            for rule in config.rules
        ]
        return RuleList(file=str(config.path), items=items)


async def counts_since(world: World, at: float) -> Counter[str]:
    """What was counted from a time on. Raises Unavailable."""
    return await asyncio.to_thread(_summed, await world.history.since(max(at, 0.0)))


def _summed(minutes: Sequence[Minute]) -> Counter[str]:
    """Of two weeks there are twenty thousand minutes: to be done beside the event loop."""
    total: Counter[str] = Counter()
    for minute in minutes:
        total.update(minute.counts)
    return total
