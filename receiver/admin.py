"""The admin listener: health, readiness and metrics. Never on the public listener."""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from receiver.access import Access, add_login, guard, secure
from receiver.errors import RouterError

Ready = Callable[[], Awaitable[None]]
Exposition = Callable[[], Awaitable[bytes]]
Mount = Callable[[web.Application], None]
"""Adds the routes of the console or of the API."""

_LARGEST_BODY = 4 << 20
"""A message of 1 MiB in a form takes up to three times as much."""


def admin_app(exposition: Exposition, ready: Ready, access: Access, mounts: Iterable[Mount] = ()) -> web.Application:
    """The pages of the admin listener. `ready` raises RouterError where a push could not be taken now.

    Health and metrics are open; what `mounts` add is asked only for whom `access` lets in.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        try:
            await ready()
        except RouterError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(text="ready\n")

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(middlewares=[guard(access)], client_max_size=_LARGEST_BODY)
    secure(app)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    add_login(app, access)
    for mount in mounts:
        mount(app)
    return app
