"""Small HTTP GETs to Amazon: no redirects, bounded in size and time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from receiver import __version__
from receiver.sns.fetch import Fetched, FetchFailed
from receiver.sns.roots import Roots, RootsUnusable

_MOST_CONNECTIONS = 16


class HttpFetch:
    """Fetch over aiohttp. Honours HTTPS_PROXY and NO_PROXY. Its session is made at the first call; `close` ends it."""

    def __init__(self, roots: Roots | None = None, resolver: AbstractResolver | None = None) -> None:
        """Trust the system's roots where none are given; `resolver` tells where hosts are (for simulators)."""
        self._roots = roots
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, url: str, *, limit: int, seconds: float) -> Fetched:
        """GET `url`. Raises FetchFailed where no answer comes, also for want of roots."""
        try:
            session = self._session = self._session or self._open()
            async with session.get(
                URL(url, encoded=True), allow_redirects=False, timeout=aiohttp.ClientTimeout(total=seconds)
            ) as response:
                body = await _read(response.content, limit)
                return Fetched(response.status, body[:limit], len(body) <= limit)
        except TimeoutError:
            raise FetchFailed(f"{url} did not answer within {seconds:g} s") from None
        except (aiohttp.ClientError, RootsUnusable, OSError, ValueError) as error:
            raise FetchFailed(f"{url}: {error or type(error).__name__}") from None

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        context = (self._roots or Roots.system()).client_context()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, resolver=self._resolver, limit=_MOST_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"spapi-router/{__version__}", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=True,
        )


@asynccontextmanager
async def http_fetch(roots: Roots | None = None, resolver: AbstractResolver | None = None) -> AsyncIterator[HttpFetch]:
    """An HttpFetch that is closed at the end."""
    fetch = HttpFetch(roots, resolver)
    try:
        yield fetch
    finally:
        await fetch.close()


async def _read(content: aiohttp.StreamReader, limit: int) -> bytes:
    """At most `limit` bytes and one more, which tells that there are more."""
    body = bytearray()
    while len(body) <= limit:
        chunk = await content.read(limit + 1 - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)
