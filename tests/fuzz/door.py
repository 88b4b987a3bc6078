"""The HTTP door of the real daemon: any bytes on a connection, some of them genuine messages.

Whatever comes, each answer is one of the table's, a notification is in the inbox exactly where a 200 says so, nothing
goes out, and nothing in the log is an error. `<push>`, `<forged>` and `<confirm>` in an input stand for a message
signed just now, one changed after that, and a confirmation that leads elsewhere; `<length>` for the first's length.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hypothesis import strategies as st

from tests.attacks.forge import Forge
from tests.attacks.row import Kind
from tests.attacks.stage import Stage
from tests.attacks.wire import Answer, answers_in
from tests.fuzz.target import Target, demand

_END = b"\r\n\r\nGET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_STATUSES = frozenset({200, 400, 403, 404, 405, 413, 503})
_SILENCE = 0.2
_MOST_MESSAGES = 20
_RULES = '[handlers.told]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["told"]\n'


class DoorOracle:
    """A daemon that is started by the first input and ended by `close`. `answers` may spoil what it said, for tests."""

    def __init__(self, answers: Callable[[list[Answer]], list[Answer]] = lambda found: found) -> None:
        self._answers = answers
        self._stage: Stage | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = ExitStack()

    def check(self, data: bytes) -> None:
        """Say bytes to the door."""
        self._loop = self._loop or asyncio.new_event_loop()
        self._loop.run_until_complete(self._check(data))

    def close(self) -> None:
        """End the daemon."""
        stage, loop, self._stage, self._loop = self._stage, self._loop, None, None
        if loop is not None:
            if stage is not None:
                loop.run_until_complete(stage.__aexit__(None, None, None))
            loop.close()
        self._stack.close()

    async def _check(self, data: bytes) -> None:
        stage = await self._started()
        before = stage.books()
        received, markers = await self._said(stage, _filled(data, stage.forge))
        answers = self._answers(answers_in(received))
        after = stage.books()
        wrong = [str(each) for each in answers if each.status not in _STATUSES]
        demand(not wrong, f"answered {wrong}")
        taken = sum(str(each) == "200 accepted" for each in answers)
        came = after.notifications - before.notifications - markers
        demand(came == taken, f"{taken} were told 200, and {came} came in")
        demand(after.subscriptions == before.subscriptions, "subscriptions changed")
        demand(not stage.egress.asked, f"requests went out: {stage.egress.asked}")
        alarming = stage.alarming()
        demand(not alarming, "; ".join(alarming))

    async def _started(self) -> Stage:
        if self._stage is None:
            directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="door-")))
            stage = Stage(Kind("door", "any bytes", (), _RULES), Forge(), directory)
            self._stage = await stage.__aenter__()
            stage.egress.asked.clear()
        return self._stage

    async def _said(self, stage: Stage, data: bytes) -> tuple[bytes, int]:
        """What the door said to bytes, and how many messages of our own were sent beside them.

        The door ends the connection, or it waits for more of a body: then a message on another connection is answered
        after all that came before it, and what is not said by then will not be.
        """
        reader, writer = await asyncio.open_connection(stage.host, stage.port)
        received, markers = b"", 0
        try:
            with contextlib.suppress(ConnectionError):
                writer.write(data + _END)
                await writer.drain()
            while True:
                said, ended = await _heard(reader)
                received += said
                if ended or (markers and not said):
                    return received, markers
                (marker,) = await stage.say(stage.forge.notification())
                demand(str(marker) == "200 accepted", f"a genuine message beside it was answered {marker}")
                markers += 1
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _heard(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """What comes up to a silence, and whether that is the end."""
    received = b""
    with contextlib.suppress(TimeoutError):
        while True:
            try:
                async with asyncio.timeout(_SILENCE):
                    piece = await reader.read(65536)
            except ConnectionError:
                return received, True
            if not piece:
                return received, True
            received += piece
    return received, False


def _filled(data: bytes, forge: Forge) -> bytes:
    """The input with messages in the place of their names, each one of its own."""
    makers: dict[bytes, Callable[[], dict[str, object]]] = {
        b"<push>": forge.notification,
        b"<forged>": lambda: forge.tampered(Message="{}"),
        b"<confirm>": lambda: forge.confirmation() | {"SubscribeURL": "https://evil.example/"},
    }
    for name, make in makers.items():
        for _ in range(min(data.count(name), _MOST_MESSAGES)):
            data = data.replace(name, json.dumps(make()).encode(), 1)
    return data.replace(b"<length>", str(len(json.dumps(forge.notification()))).encode())


_HEAD = "POST /sns HTTP/1.1\r\nHost: x\r\n"
_PIECES = st.sampled_from(
    [
        *(_HEAD, "POST /sns HTTP/1.1\r\n", "GET /sns HTTP/1.1\r\nHost: x\r\n", "HEAD /sns HTTP/1.1\r\nHost: x\r\n"),
        *(
            "POST /sns HTTP/1.0\r\n",
            "PUT /x HTTP/1.1\r\nHost: x\r\n",
            "POST //sns HTTP/1.1\r\nHost: x\r\n",
            "PRI * HTTP/2.0\r\n",
        ),
        *("Content-Length: <length>\r\n", "Content-Length: 0\r\n", "Content-Length: 5\r\n", "Content-Length: -1\r\n"),
        *(
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: x\r\n",
            "Expect: 100-continue\r\n",
            "Connection: close\r\n",
        ),
        *(
            "Upgrade: h2c\r\nConnection: Upgrade\r\n",
            "Connection: keep-alive\r\n",
            "Content-Encoding: gzip\r\n",
            "Host: y\r\n",
        ),
        *(
            "x-amz-sns-message-type: Notification\r\n",
            "x-amz-sns-rawdelivery: true\r\n",
            "X-Forwarded-For: 1.2.3.4\r\n",
        ),
        *(
            "\r\n",
            "\r\n",
            "\n",
            "\r",
            ": ",
            " ",
            "\t",
            "\0",
            "0\r\n\r\n",
            "5\r\nhello\r\n",
            "FFFFFFFFFFFFFFFFF\r\n",
            ";a=b\r\n",
        ),
        *("<push>", "<forged>", "<confirm>", "{}", "[", "\x16\x03\x01", "é"),
    ]
)
_REQUESTS = st.sampled_from(
    [
        f"{_HEAD}Content-Length: <length>\r\n\r\n<push>",
        f"{_HEAD}Content-Length: <length>\r\n\r\n<push>",
        f"{_HEAD}Content-Length: 2\r\n\r\n{{}}",
        f"{_HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        f"{_HEAD}\r\n",
    ]
)


@st.composite
def _connections(draw: st.DrawFn) -> bytes:
    """Requests on one connection, sound ones and pieces of some, with a few bytes changed."""
    text = "".join(draw(st.lists(_REQUESTS | _REQUESTS | _PIECES, min_size=1, max_size=6)))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + draw(_PIECES | st.text(max_size=2)) + text[end:]
    return text.encode("utf-8", "replace")


_ORACLE = DoorOracle()
TARGET = Target("door", _ORACLE.check, _connections() | st.binary(max_size=200), close=_ORACLE.close)
