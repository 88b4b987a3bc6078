"""Connections to Amazon, in several small pools: a pool looks at each of its connections for every request."""

import ssl
from collections.abc import Sequence

import httpx

_KEPT = 30.0
"""Seconds that an idle connection is kept."""


class Pools(httpx.AsyncBaseTransport):
    """Sends each request by the pool that has the fewest to answer."""

    def __init__(self, context: ssl.SSLContext | None = None, pools: int = 8, connections: int = 9) -> None:
        """`connections` is the most that each pool opens; `context` has the roots of trust, the usual ones by default.

        Making a context takes tens of milliseconds.
        """
        limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_KEPT
        )
        context = context or httpx.create_ssl_context()
        self._pools: Sequence[httpx.AsyncHTTPTransport] = [
            httpx.AsyncHTTPTransport(verify=context, limits=limits) for _ in range(pools)
        ]
        self._busy = [0] * pools

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        place = self._busy.index(min(self._busy))
        self._busy[place] += 1
        try:
            return await self._pools[place].handle_async_request(request)
        finally:
            self._busy[place] -= 1

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools:
            await pool.aclose()
