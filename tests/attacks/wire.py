"""HTTP by hand: bytes go out as they are written, and what comes back is read by a parser of its own."""

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass
from itertools import groupby

from tests.attacks.row import CLOSED, Post, Script

_STATUS = re.compile(rb"HTTP/[01]\.[019] (\d{3})[ \r]")
_MOST_TOLD = 3
_LENGTH = re.compile(rb"^content-length: *(\d+)\r?$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the door."""

    status: int
    head: str
    body: bytes

    def __str__(self) -> str:
        """Status and reason, as the table has it."""
        return f"{self.status} {self.reason}".strip()

    def field(self, name: str) -> str:
        """The value of a header field, empty where it has none."""
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:])
        return next((value.strip() for found, _, value in lines if found.lower() == name), "")

    @property
    def reason(self) -> str:
        """The problem's reason, or the word of a success; empty for an answer that has neither."""
        if self.status == 200 and "text/plain" in self.field("content-type"):
            return self.body.decode("utf-8", "replace")
        if "application/problem+json" not in self.head.lower():
            return ""
        return str(json.loads(self.body)["reason"]) if self.body else ""


def as_script(post: Post, host: str, path: str = "/sns") -> Script:
    """A request in ordinary framing, after which the connection ends."""
    fields = {"Host": host, "Content-Type": "text/plain; charset=UTF-8", "Connection": "close"}
    fields |= {"Content-Length": str(len(post.body))} | dict(post.headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return Script((f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + post.body,))


async def exchange(host: str, port: int, script: Script) -> list[Answer]:
    """Say a script and read all answers. Raises TimeoutError where the connection outlives the script's patience."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        async with asyncio.timeout(script.patience):
            received = asyncio.create_task(_all(reader))
            with contextlib.suppress(OSError):
                await _say(writer, script)
            if script.hang_up:
                received.cancel()
                return []
            return answers_in(await received)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def answers_in(data: bytes) -> list[Answer]:
    """The answers in what came over a connection, interim ones left out. Raises ValueError for what is none."""
    found = []
    while data:
        match = _STATUS.match(data)
        if match is None:
            raise ValueError(f"no answer of HTTP: {data[:200]!r}")
        head, _, rest = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        size = int(length[1]) if length and not _STATUS.match(rest) else 0
        body, data = rest[:size], rest[size:]
        if int(match[1]) >= 200:
            found.append(Answer(int(match[1]), head.decode("latin-1"), body))
    return found


def summary(answers: list[Answer]) -> str:
    """Answers as the table has them; many of one kind after the other are counted."""
    runs = [(told, len(list(run))) for told, run in groupby(map(str, answers))]
    texts = [f"{count} times {told}" if count > _MOST_TOLD else ", ".join([told] * count) for told, count in runs]
    return ", ".join(texts) or CLOSED


async def _say(writer: asyncio.StreamWriter, script: Script) -> None:
    for number, piece in enumerate(script.pieces):
        if number and script.pause:
            await asyncio.sleep(script.pause)
        writer.write(piece)
        await writer.drain()


async def _all(reader: asyncio.StreamReader) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            data += piece
    return data
