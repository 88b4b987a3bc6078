"""The admin listener: health, readiness and metrics. Never on the public listener."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from receiver.errors import RouterError
from receiver.metrics import Metrics

Ready = Callable[[], Awaitable[None]]


def admin_app(metrics: Metrics, ready: Ready) -> web.Application:
    """The pages of the admin listener. `ready` raises RouterError where a push could not be taken now."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        try:
            await ready()
        except RouterError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(text="ready\n")

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    return app
