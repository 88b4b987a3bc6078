"""The short way of a push: from the parser to the ingest, without a task and a request object of its own.

A server in aiohttp wakes a connection's task for each request, which makes a request and a task for its handler. For a
push that has come whole, on a connection with nothing else under way, all that is needed is known where its last byte
arrives. Everything else, and each push while the daemon stops, takes the long way. The parser is aiohttp's on both.
"""

import asyncio
from typing import Any, Protocol

from aiohttp import StreamReader
from aiohttp.http import RawRequestMessage

from receiver.overload import Gate, GatedConnection, GatedServer


class Way(Protocol):
    """What decides about pushes, and takes them."""

    def fits(self, message: RawRequestMessage, body: StreamReader) -> bool:
        """Whether a request, whose body may not have come whole, can go the short way."""
        ...

    def take(self, message: RawRequestMessage, body: bytes, connection: "FastConnection") -> None:
        """Take a push that fits; its answer goes to the connection, now or later."""
        ...


class FastServer(GatedServer):
    """A gated server with a short way."""

    def __init__(self, handler: Any, way: Way, gate: Gate, path: str, answer: bytes, **options: Any) -> None:
        super().__init__(handler, gate, path, answer, **options)
        self._way = way

    def connection(self, loop: asyncio.AbstractEventLoop) -> GatedConnection:
        connection = FastConnection(self, loop=loop, **self._kwargs)
        connection.way = self._way
        return connection


class FastConnection(GatedConnection):
    """A connection that answers pushes itself, while aiohttp's task for it goes on waiting for a request."""

    __slots__ = ("_asleep", "way")

    way: Way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._asleep: asyncio.Future[None] | None = None
        """What the task waits for while a push is in hand; aiohttp, looking for it, takes the connection for busy."""
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        asleep = self._waiter
        if asleep is None or asleep.done():
            super().data_received(data)
            return
        self._asleep, self._waiter = asleep, None
        super().data_received(data)
        if len(self._messages) == 1 and not self.writing_paused:
            message, body = self._messages[0]
            if isinstance(message, RawRequestMessage) and self.way.fits(message, body):
                self._messages.clear()
                self._take(message, body)
                return
        self._wake()

    def resume_reading(self, resume_parser: bool = True) -> None:
        # aiohttp asks for it with every body that was read, and has its parser look for more each time.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def answer(self, data: bytes, last: bool) -> None:
        """Send the answer to the push in hand; with the last one the connection ends, and nothing after it is read.

        RFC 9112, section 9.6: a server that says `close` processes no further requests of that connection.
        """
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        transport = self.transport
        ends = last or self._close or self._force_close or transport is None or transport.is_closing()
        if transport is not None and not transport.is_closing():
            transport.write(data)
            if ends:
                transport.close()
        if ends:
            self._messages.clear()
            self._wake_to_end()
            return
        self._keep_alive()
        self._wake()

    def close(self) -> None:
        super().close()
        self._wake_to_end()

    def force_close(self) -> None:
        super().force_close()
        self._wake_to_end()

    def _take(self, message: RawRequestMessage, body: StreamReader) -> None:
        if self._parser is not None:
            self._parser.message_consumed()
        if self._manager is not None:
            self._manager.requests_count += 1
        self._request_in_progress = True
        self.begun()
        self.way.take(message, body.read_nowait(), self)

    def _wake(self) -> None:
        """Give the task back what it waits for, and wake it where requests have come meanwhile."""
        asleep, self._asleep = self._asleep, None
        if asleep is None or asleep.done():
            return
        self._waiter = asleep
        if self._messages:
            asleep.set_result(None)

    def _keep_alive(self) -> None:
        """Count the time without a request from now on, as aiohttp does after an answer."""
        if self._keepalive_timeout > 0 and self.transport is not None:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
            if self._keepalive_handle is None:
                self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    def _wake_to_end(self) -> None:
        """Let the task end, which aiohttp cannot reach while a push is in hand."""
        if self._asleep is not None:
            self._asleep.cancel()
