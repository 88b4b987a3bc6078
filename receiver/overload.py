"""Refusing early: beyond what is in hand already a push gets its 503 where its bytes arrive, unparsed.

When thousands of senders come at once, each step that the event loop does for a request is done for all of them before
the first is answered. So that a refusal does not wait for work on pushes that are refused too, it is made in the first
step, by a look at the bytes. That is done only where they are one whole request of a connection on which nothing else
is under way: else aiohttp's parser, which has the rest, goes on with it.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any, cast

from aiohttp import EMPTY_PAYLOAD, StreamReader, web
from aiohttp.http import RawRequestMessage

from receiver.crowd import Crowd
from receiver.events import log
from receiver.responses import SERVER
from receiver.sparing import Sparing, Sum

_logger = logging.getLogger(__name__)
_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
_OTHER_LENGTH = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade)[ \t]*:|\r\ncontent-length[ \t]", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[^\r\n]*\bclose\b", re.IGNORECASE)
_SAY_EVERY = 1.0
_LONGEST_HEAD = 16384
"""Bytes of a head, as many as Node.js takes: SNS's have one thousand, and the parser keeps a megabyte."""
_MOST_CHUNKS = 4096
"""Chunks of a body that came and were not read yet, where its bytes do not fill the buffer either: those of a proxy do.

A byte in a chunk of its own takes the parser a hundred times as long as one of a whole body.
"""
_UNREAD_FOR = 15.0
"""Seconds for which a sender may leave answers unread: as long as SNS waits for one."""


class Gate:
    """Knows how many pushes wait to be looked at, and with that whether one more is too many."""

    def __init__(self, is_full: Callable[[int], bool], count: Callable[[], None]) -> None:
        """`is_full` tells by how many are waiting; `count` hears of each push that is refused."""
        self.waiting = 0
        self._is_full = is_full
        self._count = count
        self._closed = False
        self._sparing = Sparing()
        self._refused = Sum(_SAY_EVERY)

    @property
    def full(self) -> bool:
        """Whether a push that comes now is one too many."""
        return self._is_full(self.waiting) and not self._closed

    def leave_to_others(self) -> None:
        """Refuse nothing any more: the daemon stops, and says so to each."""
        self._closed = True

    def hung_up(self, error: str) -> None:
        """Note a connection that was ended for what came over it."""
        self._sparing.log("bad_http", _logger, logging.INFO, "bad_http", error=error)

    def refuse(self) -> None:
        """Note a push that is refused; said in the log once a second, with how many there were."""
        self._count()
        if refused := self._refused.add():
            log(_logger, logging.WARNING, "overload", refused=refused, waiting=self.waiting)


class GatedServer(web.Server):
    """aiohttp's low-level server with a gate before its parser. `path` is that of pushes, `answer` a refusal."""

    def __init__(self, handler: Any, gate: Gate, path: str, answer: bytes, **options: Any) -> None:
        super().__init__(handler, **options)
        self.crowd = Crowd()
        self._gate = gate
        self._request = f"POST {path} HTTP/1.1\r\n".encode()
        self._refusal = answer

    def __call__(self) -> "GatedConnection":
        connection = self.connection(asyncio.get_running_loop())
        connection.gate, connection.request, connection.refusal = self._gate, self._request, self._refusal
        connection.crowd = self.crowd
        return connection

    def connection(self, loop: asyncio.AbstractEventLoop) -> "GatedConnection":
        """One that has not heard of its gate yet."""
        return GatedConnection(self, loop=loop, **self._kwargs)


class GatedConnection(web.RequestHandler):
    """A connection whose pushes may be refused before anything is done for them."""

    __slots__ = ("_begun", "_body", "_fed", "_unread", "_waiting", "_wire", "crowd", "gate", "refusal", "request")

    crowd: Crowd
    gate: Gate
    request: bytes
    refusal: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._fed = False
        self._body: StreamReader = EMPTY_PAYLOAD
        """That of the last request."""
        self._begun = 0
        """Bytes that came after that body, and are the beginning of a head."""
        self._waiting = 0
        self._unread: asyncio.TimerHandle | None = None
        self._wire: asyncio.Transport | None = cast("asyncio.Transport", transport)
        """What `transport` is, which aiohttp forgets when it closes it, though it is open until all has been read."""
        super().connection_made(transport)
        self.crowd.enter(self)

    def data_received(self, data: bytes) -> None:
        if not self._fed:
            if self.gate.full and self._is_whole_push(data):
                self._refuse(data)
                return
            self._fed = True
        before, between = self._request_count, self._body.is_eof()
        super().data_received(data)
        # What the parser has found, not what bytes look like: half a head, kept back, must not fill the gate.
        found = self._request_count - before
        if found:
            # Without data it looks at what it kept back: how much that was nobody says.
            self._take_in(found, measure=not data or self._begun + len(data) > _LONGEST_HEAD)
        elif between and not self._buffer_paused:
            self._begun += len(data)
            self._measure_head(self._begun)
        if self._reading_paused and len(getattr(self._body, "_http_chunk_splits", None) or ()) > _MOST_CHUNKS:
            self._hang_up(f"more than {_MOST_CHUNKS} chunks of a few bytes")

    def pause_writing(self) -> None:
        """The sender reads no answers: its requests wait for itself, and it must not keep others out by them."""
        super().pause_writing()
        self._count_no_more()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.transport is not None:
            self._stop_waiting()

    def force_close(self) -> None:
        """It keeps nobody out from now on, and who reads no answers does not keep it open."""
        super().force_close()
        self._count_no_more()
        self._wait_for_reader()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._wire = None
        self.crowd.left(self)
        self._count_no_more()
        self._stop_waiting()
        super().connection_lost(exc)
        # It knows the connection, too, and would wait for the garbage collector with all that was not read of it.
        self._body = EMPTY_PAYLOAD

    def handle_error(self, *arguments: Any, **named_arguments: Any) -> web.StreamResponse:
        response = super().handle_error(*arguments, **named_arguments)
        response.headers["Server"] = SERVER
        return response

    def begun(self) -> None:
        """A request of this connection is being looked at."""
        if self._waiting:
            self._waiting -= 1
            self.gate.waiting -= not self._waiting

    def has_work(self) -> bool:
        """Whether a request has come whole, is not answered yet, and its sender reads answers."""
        if self.transport is None or self.writing_paused:
            return False
        return (self._request_in_progress or bool(self._messages)) and self._body.is_eof()

    def leave(self) -> None:
        """End at once: others need the room."""
        if self._wire is not None:
            self._wire.abort()

    def _take_in(self, found: int, measure: bool) -> None:
        """Have the requests wait that the parser has found, whose heads may be long ones where `measure` says so.

        However many they are, they wait as one: they are answered one after the other, with those of other connections
        between them, and who sends many ahead must not keep others out by them.
        """
        self._body, self._begun = self._messages[-1][1], 0
        self.crowd.asked(self)
        if measure:
            self._measure_head(max(_length(each) for each, _ in list(self._messages)[-found:]))
        if self.transport is not None and not self.writing_paused:
            self.gate.waiting += not self._waiting
            self._waiting += found

    def _measure_head(self, size: int) -> None:
        if size > _LONGEST_HEAD:
            self._hang_up(f"a head of more than {_LONGEST_HEAD} bytes")

    def _hang_up(self, error: str) -> None:
        """End with who sends what no sender needs.

        Where nobody is about to look at what waits it is left out: it knows the connection, and would be left to the
        garbage collector with it.
        """
        self.gate.hung_up(error)
        self.force_close()
        if self._waiter is None:
            self._messages.clear()

    def _count_no_more(self) -> None:
        self.gate.waiting -= bool(self._waiting)
        self._waiting = 0

    def _wait_for_reader(self) -> None:
        if self._wire is not None and self._unread is None:
            self._unread = self._loop.call_later(_UNREAD_FOR, self.leave)

    def _stop_waiting(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _is_whole_push(self, data: bytes) -> bool:
        """Whether bytes are one push from its first to its last byte, however a parser reads them."""
        end = data.find(_HEAD_ENDS)
        if end < 0 or not data.startswith(self.request):
            return False
        head = data[: end + 2]
        lengths = _LENGTH.findall(head)
        return (
            len(lengths) == 1
            and int(lengths[0]) == len(data) - end - len(_HEAD_ENDS)
            and _OTHER_LENGTH.search(head) is None
            and not _has_odd_lines(head)
        )

    def _refuse(self, data: bytes) -> None:
        self.crowd.asked(self)
        transport = cast("asyncio.Transport", self.transport)
        transport.write(self.refusal)
        if _CLOSES.search(data[: data.find(_HEAD_ENDS)]):
            transport.close()
        self.gate.refuse()


def _has_odd_lines(head: bytes) -> bool:
    """Whether there is a place where some end a line, or go on with it, and others do not."""
    ends = head.count(b"\r\n")
    return not (ends == head.count(b"\n") == head.count(b"\r")) or b"\r\n " in head or b"\r\n\t" in head


def _length(message: object) -> int:
    """Bytes of a request's head, none for what is no request."""
    if not isinstance(message, RawRequestMessage):
        return 0
    return len(message.path) + sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
