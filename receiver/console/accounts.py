"""Seller accounts, subscriptions and usage plans; and the audit log of what was done with them."""

from typing import Any

from aiohttp import web

from receiver.account_records import listed
from receiver.console.asked import BadQuestion, number_of, text_of
from receiver.console.renderer import Renderer
from receiver.inbox.audit import Audit
from receiver.inbox.tokens import InboxTokens
from receiver.world import World

_ENTRIES, _MOST_ENTRIES = 100, 10_000


class Accounts:
    """`/accounts` and `/audit`."""

    def __init__(self, world: World, renderer: Renderer) -> None:
        self._world = world
        self._renderer = renderer

    async def show(self, request: web.Request) -> web.Response:
        """Answer with the page of accounts."""
        config = self._world.config()
        readings = await self._world.readings()
        return self._renderer.page(
            request,
            "accounts.html",
            accounts=await listed(config.spapi, InboxTokens(self._world.kept)) if config.spapi else [],
            spapi=config.spapi,
            file=config.path,
            topics=config.sns.topics,
            subscriptions=await self._world.kept.subscriptions(),
            plans=readings.plans,
            ends=[
                ("TLS certificate of the public listener", readings.tls),
                ("client secret of the application", readings.client_secret),
                *(("SNS signing certificate", ends) for ends in readings.signing.values()),
            ],
        )

    async def audit(self, request: web.Request) -> web.Response:
        """Answer with what people did, and what was done with tokens, newest first."""
        kept = self._world.kept
        facts: dict[str, Any] = {"account": "", "most": _ENTRIES, "actions": [], "entries": []}
        try:
            facts["account"] = text_of(request.query, "account")
            facts["most"] = min(number_of(request.query, "limit") or _ENTRIES, _MOST_ENTRIES)
        except BadQuestion as error:
            return self._renderer.page(request, "audit.html", 400, **facts, problem=str(error))
        if not facts["account"]:
            facts["actions"] = await Audit(kept).entries(limit=facts["most"])
        facts["entries"] = await InboxTokens(kept).entries(facts["account"], facts["most"])
        return self._renderer.page(request, "audit.html", **facts)
