"""Dead letters, and running deliveries again: one, a selection, or all that a filter means."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from receiver.access import Access
from receiver.console.asked import PAGE, BadQuestion, address, dead_of, number_of, text_of
from receiver.console.renderer import Renderer
from receiver.inbox import DeliveryFilter, DeliveryRow, State
from receiver.inbox.dead import ways
from receiver.times import iso
from receiver.world import World

_FINAL = (State.DONE, State.DEAD, State.SUPERSEDED)
_AT_ONCE = 2_000
_WAYS = 20
_FASTEST = 10_000
_FILTER = ("rule", "handler", "type", "key", "since", "until")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to run again."""

    which: DeliveryFilter
    rate: int | None
    """How many a second fall due; None is all at once."""
    fields: Mapping[str, Any]
    """The form that said so, times made absolute, so that it means the same when it is confirmed."""

    @property
    def spacing(self) -> float:
        """Seconds between them."""
        return 1 / self.rate if self.rate else 0.0


class DeadLetters:
    """`/dead` and `/replay`."""

    def __init__(self, world: World, renderer: Renderer, access: Access) -> None:
        self._world = world
        self._renderer = renderer
        self._access = access
        self._running = 0

    async def show(self, request: web.Request) -> web.Response:
        """Answer with a page of dead deliveries."""
        fields = dict(request.query)
        try:
            which = dead_of(fields, self._world.clock())
            replayed = number_of(fields, "replayed")
        except BadQuestion as error:
            return self._page(request, {}, [], 0, None, status=400, problem=str(error))
        rows = await self._world.kept.deliveries(which)
        count = (await self._world.kept.count(replace(which, before_id=None))).get(State.DEAD, 0)
        return self._page(request, fields, rows, count, replayed)

    async def ask(self, request: web.Request) -> web.Response:
        """Say what would run again, and ask whether to."""
        try:
            wish = self._wish(await request.post())
        except BadQuestion as error:
            return self._renderer.page(request, "refused.html", 400, problem=str(error))
        counts = await self._world.kept.count(wish.which)
        return self._renderer.page(
            request,
            "replay.html",
            wish=wish,
            counts=counts,
            total=sum(counts.values()),
            ways=await ways(self._world.kept, wish.which, _WAYS),
            most=_WAYS,
        )

    async def replay(self, request: web.Request) -> web.Response:
        """Do it."""
        try:
            wish = self._wish(await request.post())
        except BadQuestion as error:
            return self._renderer.page(request, "refused.html", 400, problem=str(error))
        total = sum((await self._world.kept.count(wish.which)).values())
        await self._access.note(request, "replay", f"{total} deliveries: {_said(wish)}", wish.which.ids or ())
        if total > _AT_ONCE:
            self._running += 1
            self._world.watch.once("replay", self._in_background(wish))
            raise web.HTTPSeeOther("/dead?replayed=0")
        raise web.HTTPSeeOther(_after(wish, await self._run(wish)))

    async def _in_background(self, wish: Wish) -> None:
        try:
            await self._run(wish)
        finally:
            self._running -= 1

    async def _run(self, wish: Wish) -> int:
        done = await self._world.inbox.replay(wish.which, self._world.clock(), wish.spacing)
        self._world.wake((await self._world.readings()).lanes)
        return done

    def _wish(self, form: Any) -> Wish:
        """What a form wants. Raises BadQuestion."""
        now = self._world.clock()
        rate = number_of(form, "rate")
        if rate is not None and not 1 <= rate <= _FASTEST:
            raise BadQuestion(f"the rate is {rate}, and must be 1 to {_FASTEST} a second")
        if text_of(form, "all"):
            which = replace(dead_of(form, now), before_id=None, limit=None)
            until = min(which.until or now, now)
            fixed = {"since": _seconds(which.since), "until": _seconds(until)}
            fields = {name: text_of(form, name) for name in _FILTER} | fixed | {"all": "1"}
            return Wish(replace(which, until=until), rate, fields)
        ids = tuple(number_of({"delivery": each}, "delivery") or 0 for each in form.getall("id", []))
        if not ids or len(ids) > PAGE * 2:
            raise BadQuestion("no delivery was chosen: tick some, or take all that the filter means")
        return Wish(DeliveryFilter(ids=ids, states=_FINAL, limit=None), rate, {"id": ids})

    def _page(
        self,
        request: web.Request,
        fields: Mapping[str, Any],
        rows: list[DeliveryRow],
        count: int,
        replayed: int | None,
        status: int = 200,
        problem: str = "",
    ) -> web.Response:
        further = address("/dead", fields, before=rows[-1].id, replayed="") if len(rows) == PAGE else ""
        facts = {"fields": fields, "rows": rows, "count": count, "replayed": replayed, "running": self._running}
        return self._renderer.page(request, "dead.html", status, further=further, problem=problem, **facts)


def _seconds(moment: float | None) -> str:
    """A time as a form carries it: exactly."""
    return "" if moment is None else iso(moment)


def _said(wish: Wish) -> str:
    """A wish in the words of the audit log."""
    parts = {name: value for name, value in wish.fields.items() if value and name not in {"all", "id"}}
    if wish.rate:
        parts["rate"] = f"{wish.rate}/s"
    return " ".join(f"{name}={value}" for name, value in parts.items())


def _after(wish: Wish, done: int) -> str:
    """Where to go after a replay: back to the one delivery, or to the list."""
    ids = wish.which.ids
    return f"/deliveries/{ids[0]}" if ids and len(ids) == 1 else address("/dead", {}, replayed=done)
