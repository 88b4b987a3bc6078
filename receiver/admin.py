"""The admin listener: health, readiness and metrics. Never on the public listener."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from receiver.errors import RouterError

Ready = Callable[[], Awaitable[None]]
Exposition = Callable[[], Awaitable[bytes]]


def admin_app(exposition: Exposition, ready: Ready) -> web.Application:
    """The pages of the admin listener. `ready` raises RouterError where a push could not be taken now."""

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

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
