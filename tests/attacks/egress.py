"""The way out of the daemon: an HTTP proxy that records each request and answers it in Amazon's place.

The daemon is given nothing but HTTPS_PROXY, HTTP_PROXY and SSL_CERT_FILE. Its requests go over real sockets and, for
https, over real TLS with the names of Amazon's hosts, so what it would have fetched is seen whatever it tried.
"""

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.attacks.forge import CERTIFICATE_URL, DAY, HOST, ISSUER_URL, Forge
from tests.receiver.sns.conftest import Holder

Page = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
"""An answer's bytes, or what writes it."""

WRONG_NAME = "sns.eu-west-1.amazonaws.com"
UNTRUSTED = "sns.eu-central-1.amazonaws.com"
ENDED = "sns.ap-northeast-1.amazonaws.com"
UNREACHABLE = "sns.sa-east-1.amazonaws.com"
_LONGEST_LINE = 1 << 16


def page(body: bytes | str, status: str = "200 OK", **headers: str) -> bytes:
    """An answer with its length and any other header fields, `_` standing for `-`."""
    body = body.encode() if isinstance(body, str) else body
    fields = {"Content_Length": str(len(body)), "Connection": "close"} | headers
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


async def hanging(writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await writer.wait_closed()


async def dripping(writer: asyncio.StreamWriter) -> None:
    """Sends one byte every tenth of a second, for as long as anybody listens."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"-")
        await writer.drain()
        await asyncio.sleep(0.1)


async def endless(writer: asyncio.StreamWriter) -> None:
    """Sends chunks without an end, for as long as anybody listens."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"4000\r\n" + b"-" * 0x4000 + b"\r\n"
    while not writer.is_closing():
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


def bomb(size: int = 64 << 20) -> bytes:
    """A small answer that is large when it is decompressed."""
    return page(gzip.compress(bytes(size)), Content_Encoding="gzip")


class Egress:
    """Runs while its `async with` block runs. `asked` is what was asked, in order."""

    def __init__(self, forge: Forge, directory: Path) -> None:
        self._forge = forge
        self._directory = directory
        self._contexts: dict[str, ssl.SSLContext | None] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.asked: list[str] = []
        self.usual: Mapping[str, Page] = {
            CERTIFICATE_URL: page(forge.leaf.pem),
            ISSUER_URL: page(forge.intermediate.der),
        }
        self.pages: dict[str, Page] = {}

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to have all its requests go this way."""
        assert self._server is not None, "not running"
        host, port = self._server.sockets[0].getsockname()
        proxy = f"http://{host}:{port}"
        names = ("http_proxy", "https_proxy")
        proxies = {name: proxy for each in names for name in (each, each.upper())}
        return proxies | {
            "SSL_CERT_FILE": str(self._directory / "root.pem"),
            "SSL_CERT_DIR": str(self._directory / "no"),
        }

    async def __aenter__(self) -> Self:
        (self._directory / "root.pem").write_bytes(self._forge.root.pem)
        root, now = self._forge.root, self._forge.wish()
        self._contexts = {
            HOST: self._context("host", self._forge.another_leaf(names=(HOST,), issuer=root)),
            WRONG_NAME: self._context("wrong-name", self._forge.another_leaf(names=("sns.example",), issuer=root)),
            UNTRUSTED: self._context(
                "untrusted", self._forge.another_leaf(names=(UNTRUSTED,), issuer=self._forge.leaf)
            ),
            ENDED: self._context(
                "ended", self._forge.another_leaf(names=(ENDED,), issuer=root, begins=now.begins, ends=now.begins + DAY)
            ),
            UNREACHABLE: None,
        }
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_LONGEST_LINE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _context(self, name: str, holder: Holder) -> ssl.SSLContext:
        key = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._directory / f"{name}.pem"
        path.write_bytes(holder.pem + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            try:
                await self._answer(reader, writer)
            finally:
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target = await _request(reader)
        if method == "CONNECT":
            host = target.removesuffix(":443")
            context = self._contexts.get(host)
            if context is None:
                self.asked.append(f"CONNECT {target}")
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                await writer.start_tls(context)
            except (OSError, ssl.SSLError):
                self.asked.append(f"TLS {target}")
                raise
            method, path = await _request(reader)
            target = f"https://{host}{path}"
        self.asked.append(target if method == "GET" else f"{method} {target}")
        answer = self.pages.get(target, self.usual.get(target, page("<Error/>", "404 Not Found")))
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer)


async def _request(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Method and target of a request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, target, _ = head.split("\r\n", 1)[0].split(" ")
    return method, target
