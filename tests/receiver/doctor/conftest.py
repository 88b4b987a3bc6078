"""What the doctor's tests share: an examination with its results by check, and servers with real TLS."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from socket import AF_INET, AddressFamily
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives.serialization import Encoding

from receiver.doctor import Result, Verdict, examine
from receiver.doctor.examination import Orders
from receiver.doctor.patient import Ways
from receiver.doctor.probe import Probe
from receiver.simulators.sns import Authority
from receiver.sns import Roots

DAY = timedelta(days=1)
Findings = dict[str, list[Result]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Look:
    """Examines a rules file; `look(rules)` gives the results by check."""

    def __init__(self) -> None:
        self.ways = Ways(Probe())
        self.environ: Mapping[str, str] = dict(os.environ)

    async def __call__(self, rules: Path, *, offline: bool = True, **ways: Any) -> Findings:
        orders = Orders(rules, replace(self.ways, **ways), self.environ, offline)
        found: Findings = {}
        async for name, result in examine(orders):
            found.setdefault(name, []).append(result)
        return found


@pytest.fixture
def look() -> Look:
    """Examines on this machine alone unless told otherwise."""
    return Look()


def only(results: list[Result], verdict: Verdict) -> Result:
    """The one result, of the verdict that is expected."""
    (result,) = results
    assert result.verdict == verdict, result
    assert bool(result.cure) == (verdict in {Verdict.FINDING, Verdict.WARNING})
    return result


class Nearby(AbstractResolver):
    """Every host is on this machine, at the ports given for those asked for."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        self._ports = ports

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        place = ResolveResult(hostname=host, host="127.0.0.1", port=self._ports[port], family=AF_INET, proto=0, flags=0)
        return [place]

    async def close(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate with its key and those of its issuers that a server shows, as files."""

    authority: Authority
    chain: Path
    key: Path
    roots: Roots


Show = Callable[..., Shown]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    """Makes a certificate for a name, and shows so many of its issuers."""

    def make(name: str = "localhost", issuers: int = 1, authority: Authority | None = None) -> Shown:
        authority = authority or Authority.create(name=name)
        files = [tmp_path / f"{kind}.pem" for kind in ("fullchain", "privkey", "roots")]
        shown = (authority.leaf, *authority.issuers[:issuers])
        files[0].write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in shown))
        kept = authority.keep()
        files[1].write_bytes(kept[: kept.index(b"-----BEGIN CERTIFICATE")])
        trusted = authority.issuers[-1:] or Authority.create().issuers[-1:]
        files[2].write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in trusted))
        return Shown(authority, files[0], files[1], Roots(files[2]))

    return make


Serve = Callable[..., Awaitable[int]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves one answer on every path, over TLS where a certificate is given; its port."""
    async with AsyncExitStack() as stack:

        async def start(answer: web.Response | None = None, shown: Shown | None = None) -> int:
            given = answer or web.Response()

            async def reply(_request: web.BaseRequest) -> web.Response:
                return web.Response(status=given.status, text=given.text, headers=given.headers)

            context = None
            if shown:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(shown.chain, shown.key)
            server = web.Server(reply)
            listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=context)
            stack.push_async_callback(server.shutdown, 1)
            stack.callback(listening.close)
            port: int = listening.sockets[0].getsockname()[1]
            return port

        yield start


@pytest.fixture
def now() -> float:
    """The time."""
    return time.time()
