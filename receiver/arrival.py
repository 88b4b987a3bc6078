"""Reading the bodies of pushes that do not come whole, of which anybody may send many at once and end none."""

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from receiver.errors import TooLarge, Unavailable

_SMALL = 16384
"""Bytes that each body may have, however many there are: most pushes are smaller."""


class Arrivals:
    """Reads bodies: each up to a limit and within a time, all together up to `most_bytes` besides the small ones."""

    def __init__(self, limit: int, seconds: float, most_bytes: int) -> None:
        self._limit = limit
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._held = 0

    async def read(self, request: web.BaseRequest) -> bytes:
        """The body of a request. Raises TooLarge, and Unavailable where it does not come whole, in time, or in turn."""
        if (request.content_length or 0) > self._limit:
            raise self._too_large()
        try:
            if request.content.is_eof():
                return await self._whole(request)
            async with asyncio.timeout(self._seconds):
                return await self._whole(request)
        except TimeoutError:
            raise Unavailable("slow_body", f"the body took more than {self._seconds:g} s") from None
        except (HttpProcessingError, web.PayloadAccessError, ConnectionError) as error:
            raise Unavailable("broken_body", f"the body broke off: {type(error).__name__}") from None

    async def _whole(self, request: web.BaseRequest) -> bytes:
        body = bytearray()
        try:
            while piece := await request.content.readany():
                body += piece
                self._held += len(piece)
                if len(body) > self._limit:
                    raise self._too_large()
                if self._held > self._most_bytes and len(body) > _SMALL:
                    raise Unavailable("overload", f"{self._held} bytes of bodies are being read already", retry_after=5)
            return bytes(body)
        finally:
            self._held -= len(body)

    def _too_large(self) -> TooLarge:
        return TooLarge("too_large", f"the body is larger than {self._limit} bytes (server.max_body)")
