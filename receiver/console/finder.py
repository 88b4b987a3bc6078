"""The search: what happened to an order, an ASIN, a SKU, a seller's notifications."""

from dataclasses import dataclass

from aiohttp import web

from receiver.console.asked import BadQuestion, address, search_of
from receiver.console.renderer import Renderer
from receiver.inbox import NotificationRow
from receiver.inbox.identifiers import Identifier, stored_identifiers
from receiver.inbox.search import Found, Search
from receiver.world import World

_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Hit:
    """A notification in a listing, with what it is about."""

    row: NotificationRow
    about: list[Identifier]
    more: int
    """How many identifiers are not shown."""


def hit(row: NotificationRow) -> Hit:
    """A row for a listing."""
    found = [each for each in stored_identifiers(row.body, row.part) if each.kind != "seller"]
    return Hit(row, found[:_SHOWN], max(0, len(found) - _SHOWN))


class Finder:
    """`/search`."""

    def __init__(self, world: World, renderer: Renderer) -> None:
        self._world = world
        self._renderer = renderer

    async def show(self, request: web.Request) -> web.Response:
        """Answer with a page of what was found; an address of one notification is shortened to it by nobody."""
        fields = dict(request.query)
        try:
            search = search_of(fields, self._world.clock())
        except BadQuestion as error:
            return self._page(request, fields, Search(), None, status=400, problem=str(error))
        return self._page(request, fields, search, await self._world.searcher.find(search))

    def _page(
        self,
        request: web.Request,
        fields: dict[str, str],
        search: Search,
        found: Found | None,
        status: int = 200,
        problem: str = "",
    ) -> web.Response:
        further = {"before": found.next_id, "whole": "1" if found.whole and search.text else ""} if found else {}
        return self._renderer.page(
            request,
            "search.html",
            status,
            fields=fields,
            search=search,
            found=found,
            hits=[hit(row) for row in found.rows] if found else [],
            further=address("/search", fields, **further) if found and found.next_id is not None else "",
            in_text=address("/search", fields, whole="1", before="") if found and not found.whole else "",
            problem=problem,
        )
