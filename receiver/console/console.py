"""The console put together: its pages and their addresses."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from receiver.access import Access
from receiver.console.accounts import Accounts
from receiver.console.assets import PATH, Assets
from receiver.console.dead import DeadLetters
from receiver.console.finder import Finder
from receiver.console.journey import Journey
from receiver.console.live import Live
from receiver.console.overview import Overview
from receiver.console.renderer import Renderer
from receiver.console.rules import Rules
from receiver.desk import Desk
from receiver.errors import Unavailable
from receiver.world import World

Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ID = r"{id:[0-9]{1,18}}"


class Console:
    """Adds its pages to the application of the admin listener."""

    def __init__(self, world: World, access: Access) -> None:
        self.assets = Assets()
        self.renderer = Renderer(self.assets, access, world.clock)
        desk = Desk(world.config)
        self._overview = Overview(world, self.renderer)
        self._live = Live(world, self.renderer, access)
        self._finder = Finder(world, self.renderer)
        self._journey = Journey(world, self.renderer, desk)
        self._dead = DeadLetters(world, self.renderer, access)
        self._rules = Rules(world, self.renderer, desk)
        self._accounts = Accounts(world, self.renderer)

    def add_to(self, app: web.Application) -> None:
        """Add the pages, and the end of those that follow."""
        app.on_shutdown.append(self._live.end)
        app.add_routes(
            [
                web.get("/", self._shown(self._overview.show)),
                web.get("/live", self._shown(self._live.show)),
                web.get("/live/events", self._live.events, allow_head=False),
                web.get("/search", self._shown(self._finder.show)),
                web.get(f"/notifications/{_ID}", self._shown(self._journey.show)),
                web.get(f"/deliveries/{_ID}", self._shown(self._journey.lead)),
                web.get("/dead", self._shown(self._dead.show)),
                web.post("/replay", self._shown(self._dead.ask)),
                web.post("/replay/confirmed", self._shown(self._dead.replay)),
                web.get("/rules", self._shown(self._rules.show)),
                web.post("/rules/explain", self._shown(self._rules.explain)),
                web.get("/accounts", self._shown(self._accounts.show)),
                web.get("/audit", self._shown(self._accounts.audit)),
                web.get(PATH, self.assets.serve),
            ]
        )

    def _shown(self, handler: Answers) -> Answers:
        """A handler whose failures become a page that says what is wrong."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Unavailable as error:
                return self.renderer.page(request, "refused.html", 503, problem=str(error))

        return answer
