"""The rules in force with how often they fired, and a box that says what would become of a message."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from receiver.console.renderer import Renderer
from receiver.console.series import Intervals, span_of
from receiver.desk import Desk
from receiver.explanation import Explanation, UnreadableMessage
from receiver.rules import Rule
from receiver.world import World

_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule with its hits."""

    rule: Rule
    pattern: Mapping[str, object] | None
    hits: int
    """In the span that is looked at."""


class Rules:
    """`/rules` and `/rules/explain`."""

    def __init__(self, world: World, renderer: Renderer, desk: Desk) -> None:
        self._world = world
        self._renderer = renderer
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        """Answer with the page."""
        return await self._page(request)

    async def explain(self, request: web.Request) -> web.Response:
        """Say which rules match a pasted message, why the others do not, and what would be sent."""
        form = await request.post()
        message = form.get("message", "")
        if not isinstance(message, str) or not message.strip() or len(message) > _LONGEST:
            return await self._page(request, problem="Paste a message: JSON, up to 1 MiB.", status=400)
        topic = form.get("topic", "")
        try:
            found = await asyncio.to_thread(self._explained, message, topic if isinstance(topic, str) else "")
        except UnreadableMessage as error:
            return await self._page(request, message=message, problem=str(error), status=400)
        return await self._page(request, message=message, explanations=found)

    def _explained(self, message: str, topic: str) -> list[Explanation]:
        return self._desk.explainer().explain_text(message, topic)

    async def _page(
        self,
        request: web.Request,
        message: str = "",
        explanations: list[Explanation] | None = None,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        world, span = self._world, span_of(request.query.get("span", "24h"))
        now, config = world.clock(), world.config()
        minutes = await world.history.since(now - span.seconds)
        hits = (await asyncio.to_thread(Intervals, span, minutes, now)).by("rule")
        lines = [
            RuleLine(rule, rule.pattern.source if rule.pattern else None, hits.get(rule.name, 0))
            for rule in config.rules
        ]
        stats = await world.kept.stats()
        facts = {"lines": lines, "span": span, "file": config.path, "unrouted": stats.unrouted}
        return self._renderer.page(
            request, "rules.html", status, message=message, explanations=explanations, problem=problem, **facts
        )
