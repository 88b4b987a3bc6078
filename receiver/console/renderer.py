"""Pages from templates: escaped unless said otherwise, and strict about what a template asks for."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aiohttp import web

from receiver.access import Access, Way
from receiver.console import charts, wording
from receiver.console.assets import Assets

if TYPE_CHECKING:
    from jinja2 import Environment

NAVIGATION = (
    ("/", "Overview"),
    ("/live", "Live"),
    ("/search", "Search"),
    ("/dead", "Dead letters"),
    ("/rules", "Rules"),
    ("/accounts", "Accounts"),
    ("/audit", "Audit"),
)


class Renderer:
    """Renders the console's templates."""

    def __init__(self, assets: Assets, access: Access, clock: Callable[[], float]) -> None:
        self._access = access
        self._clock = clock
        self._assets = assets

    @cached_property
    def _environment(self) -> "Environment":
        # With the first page: most daemons show none for most of their lives.
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(
            loader=PackageLoader("receiver.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "when": self._when,
            "since": self._since,
            "age": wording.age,
            "lasted": wording.lasted,
            "number": wording.number,
            "size": wording.size,
            "pretty": wording.pretty,
            "compact": wording.compact,
        }
        environment.globals |= {
            "asset": self._assets.url,
            "navigation": NAVIGATION,
            "draw": charts.draw,
            "legend": charts.legend,
            "written": charts.written,
        }
        return environment

    def _when(self, seconds: float | None) -> str:
        return wording.when(seconds, self._clock())

    def _since(self, seconds: float | None) -> str:
        return wording.when(seconds, self._clock(), ago=True)

    def page(self, request: web.Request, template: str, status: int = 200, **facts: Any) -> web.Response:
        """A page as an answer."""
        common = {
            "now": self._clock(),
            "path": request.path,
            "csrf": self._access.csrf(request),
            "who": self._access.who(request),
            "can_leave": self._access.of(request).way is Way.SESSION,
            "problem": "",
        }
        text = self._environment.get_template(template).render(common | facts)
        return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})

    def fragment(self, template: str, **facts: Any) -> str:
        """A part of a page, for those that are changed by the script."""
        return self._environment.get_template(template).render({"now": self._clock()} | facts)
