"""The live tail: what arrives and what becomes of it, as server-sent events, or anew by itself without a script.

Source: HTML Living Standard, "Server-sent events".
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress

import orjson
from aiohttp import web

from receiver.access import Access
from receiver.console.finder import Hit, hit
from receiver.console.renderer import Renderer
from receiver.errors import Unavailable
from receiver.inbox import NotificationFilter
from receiver.world import World

_SHOWN = 40
_EVERY = 1.0
_MOST_FOLLOWERS = 16
_WRITE_WITHIN = 10.0


class Tail:
    """The latest notifications and how they stand; each look tells what is new or has changed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: OrderedDict[int, dict[str, int]] = OrderedDict()

    async def look(self) -> list[Hit]:
        """What is new or stands otherwise than at the last look, the oldest first. Raises Unavailable."""
        rows = await self._world.kept.notifications(NotificationFilter(limit=_SHOWN))
        changed = [row for row in rows if self._known.get(row.id) != dict(row.deliveries)]
        self._known = OrderedDict((row.id, {str(k): v for k, v in row.deliveries.items()}) for row in rows)
        return [hit(row) for row in reversed(changed)]


class Live:
    """`/live` and `/live/events`."""

    def __init__(self, world: World, renderer: Renderer, access: Access) -> None:
        self._world = world
        self._renderer = renderer
        self._access = access
        self._ending = asyncio.Event()
        self._followers = 0

    async def show(self, request: web.Request) -> web.Response:
        """Answer with the page."""
        hits = (await Tail(self._world).look())[::-1]
        return self._renderer.page(request, "live.html", hits=hits, most=_SHOWN)

    async def end(self, _app: web.Application) -> None:
        """Let every follower go: the daemon stops."""
        self._ending.set()

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Follow, for as long as who asked may come in: one event for each row that is new or has changed."""
        if self._followers >= _MOST_FOLLOWERS:
            raise web.HTTPServiceUnavailable(text=f"{_MOST_FOLLOWERS} pages follow already\n")
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        self._followers += 1
        try:
            await self._follow(request, response)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._followers -= 1
        return response

    async def _follow(self, request: web.Request, response: web.StreamResponse) -> None:
        tail = Tail(self._world)
        while not self._ending.is_set() and self._access.still_in(request):
            async with asyncio.timeout(_WRITE_WITHIN):
                await response.write(await self._told(tail))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _EVERY)

    async def _told(self, tail: Tail) -> bytes:
        """Events for what has changed; a comment where nothing has, by which a lost connection is noticed."""
        try:
            hits = await tail.look()
        except Unavailable as error:
            return _event("trouble", {"text": str(error)})
        events = [
            _event("row", {"id": each.row.id, "html": self._renderer.fragment("row.html", hit=each)}) for each in hits
        ]
        return b"".join(events) or b":\n\n"


def _event(name: str, data: dict[str, object]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))
