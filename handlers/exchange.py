"""A small request and its answer over a connection of aiohttp's pool, past what its session does for any request.

For each request the session merges headers, makes a request, a payload, a response and, before Python 3.12, a task that
writes the body: two fifths of the work of a delivery, and nothing that a small body for one known host needs. The pool
of connections, time limits, TLS, names and addresses, the writing of headers and the reading of answers are aiohttp's
here as there. No private part of it is used, but some that its documentation leaves out.
"""

import asyncio
import ssl
from typing import Any

import aiohttp
from aiohttp.http import HttpProcessingError, StreamWriter
from multidict import CIMultiDict
from yarl import URL

from handlers.answers import Answer, read_content

LARGEST = 32768
"""Bytes of a body: it fits into the buffer of an idle connection, so that writing never waits for the other side."""


class Exchange:
    """Requests to one host, whose body is not sent twice: of methods that are not idempotent."""

    def __init__(self, session: aiohttp.ClientSession, origin: URL, context: ssl.SSLContext | bool) -> None:
        """`context` is what `ssl` is to a session's request."""
        self.context = context
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._request = aiohttp.ClientRequest("GET", origin, loop=self._loop, ssl=context)
        self._host = CIMultiDict(Host=self._request.headers["Host"], Accept="*/*")

    async def send(self, method: str, url: URL, headers: CIMultiDict[str], data: bytes, most: int) -> Answer:
        """The answer, read as `read_content` says. Raises what a request of the session would."""
        connection = await self._connect()
        try:
            answer = await self._speak(connection.protocol, f"{method} {url.raw_path_qs} HTTP/1.1", headers, data, most)
        except BaseException:
            connection.close()
            raise
        connection.release()
        return answer

    async def _connect(self) -> Any:
        connector = self._session.connector
        if connector is None:
            raise RuntimeError("the session is closed")
        try:
            return await connector.connect(self._request, traces=[], timeout=self._session.timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"no connection to {self._request.url}") from error

    async def _speak(self, protocol: Any, line: str, headers: CIMultiDict[str], data: bytes, most: int) -> Answer:
        sent = self._host.copy()
        sent.update(headers)
        sent["Content-Length"] = str(len(data))
        protocol.set_response_params(
            read_until_eof=True, auto_decompress=False, read_timeout=self._session.timeout.sock_read
        )
        writer = StreamWriter(protocol, self._loop)
        await writer.write_headers(line, sent)
        await writer.write(data, drain=False)
        protocol.start_timeout()
        message, content = await self._answer(protocol)
        body, whole = await read_content(message.code, content, most)
        return Answer(message.code, message.reason or "", message.headers, body, whole)

    async def _answer(self, protocol: Any) -> Any:
        """The head of the answer proper, past those that only announce it (RFC 9110, section 15.2), and its content."""
        try:
            while True:
                message, content = await protocol.read()
                if message.code == 101 or message.code // 100 != 1:
                    return message, content
        except HttpProcessingError as error:
            raise aiohttp.ClientResponseError(
                self._request.request_info, (), status=error.code, message=error.message, headers=error.headers
            ) from error
