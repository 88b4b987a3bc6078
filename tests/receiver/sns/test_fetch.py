import asyncio
import contextlib
import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from receiver import __version__
from receiver.errors import NotAuthentic
from receiver.sns import CertificateStore, FetchFailed, HttpFetch, Roots, TopicList, Verifier, http_fetch, parse

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon, LoopbackAmazon

HOST = "sns.us-west-2.amazonaws.com"


async def test_a_message_is_proven_over_real_tls(amazon: "Amazon", loopback: "LoopbackAmazon", roots: Roots) -> None:
    async with http_fetch(loopback.roots, loopback.resolver) as fetch:
        store = CertificateStore(fetch, roots=roots)
        verifier = Verifier(store, TopicList([amazon.topic]), clock=lambda: amazon.now)
        assert (await verifier.verify(parse(amazon.body(), {}))).topic == amazon.topic
    assert loopback.asked == [amazon.certificate_url, amazon.issuer_url]


async def test_a_redirect_is_not_followed(amazon: "Amazon", loopback: "LoopbackAmazon", roots: Roots) -> None:
    loopback.pages[amazon.certificate_url.partition("//")[2]] = (302, b"")
    async with http_fetch(loopback.roots, loopback.resolver) as fetch:
        with pytest.raises(NotAuthentic, match="answered 302"):
            await CertificateStore(fetch, roots=roots).get(amazon.certificate_url, "us-west-2", amazon.now)
    assert loopback.asked == [amazon.certificate_url]


async def test_a_server_with_another_certificate_is_not_believed(amazon: "Amazon", loopback: "LoopbackAmazon") -> None:
    async with http_fetch(loopback.roots, loopback.resolver) as fetch:
        with pytest.raises(FetchFailed, match=r"sns\.us-east-1"):
            await fetch(f"https://{HOST.replace('west-2', 'east-1')}/a", limit=10, seconds=5)
    async with http_fetch(None, loopback.resolver) as fetch:
        with pytest.raises(FetchFailed, match=r"(?i)certificate.verify.failed"):
            await fetch(amazon.certificate_url, limit=10, seconds=5)
    assert loopback.asked == []


@pytest.mark.parametrize(("size", "complete"), [(9, True), (10, True), (11, False), (1_000_000, False)])
async def test_an_answer_is_bounded_in_size(loopback: "LoopbackAmazon", size: int, complete: bool) -> None:
    loopback.pages[f"{HOST}/big"] = (200, b"x" * size)
    async with http_fetch(loopback.roots, loopback.resolver) as fetch:
        answer = await fetch(f"https://{HOST}/big", limit=10, seconds=5)
    assert (answer.status, len(answer.body), answer.complete) == (200, min(size, 10), complete)


async def test_the_url_is_asked_for_as_it_is_spelled(loopback: "LoopbackAmazon") -> None:
    url = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:1:a&Token=%41b"
    async with http_fetch(loopback.roots, loopback.resolver) as fetch:
        await fetch(url, limit=10, seconds=5)
    assert loopback.asked == [url]


@contextlib.asynccontextmanager
async def serving(respond: Any) -> Any:
    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_nothing_is_unpacked_and_the_request_says_who_asks() -> None:
    requests = []
    packed = gzip.compress(b"\x00" * 1_000_000)

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        writer.write(head.encode() + packed)
        writer.close()
        await writer.wait_closed()

    async with serving(respond) as url, http_fetch() as fetch:
        answer = await fetch(url, limit=65536, seconds=5)
    assert answer.body == packed
    assert f"User-Agent: spapi-router/{__version__}".encode() in requests[0]
    assert b"Cookie" not in requests[0]
    assert b"Authorization" not in requests[0]


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"HTTP/1.1 200 OK\r\n"]
)
async def test_a_broken_answer_is_a_failure_that_names_the_url(raw: bytes) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()
        await writer.wait_closed()

    async with serving(respond) as url, http_fetch() as fetch:
        with pytest.raises(FetchFailed, match=url):
            await fetch(url, limit=1000, seconds=5)


async def test_an_answer_is_bounded_in_time() -> None:
    done = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        await done.wait()
        writer.close()

    async with serving(drip) as url, http_fetch() as fetch:
        with pytest.raises(FetchFailed, match=r"did not answer within 0\.05 s"):
            await fetch(url, limit=1000, seconds=0.05)
        done.set()


async def test_nobody_listening_is_a_failure() -> None:
    async with http_fetch() as fetch:
        with pytest.raises(FetchFailed, match="Cannot connect"):
            await fetch("http://127.0.0.1:1/", limit=10, seconds=5)


@pytest.mark.parametrize("url", ["", "/x", "http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"])
async def test_a_url_that_cannot_be_fetched_is_a_failure(url: str) -> None:
    async with http_fetch() as fetch:
        with pytest.raises(FetchFailed):
            await fetch(url, limit=10, seconds=5)


async def test_a_system_without_roots_is_a_failure_that_says_so(tmp_path: Path) -> None:
    async with http_fetch(Roots(tmp_path / "none.pem")) as fetch:
        with pytest.raises(FetchFailed, match=r"none\.pem cannot be read"):
            await fetch(f"https://{HOST}/", limit=10, seconds=5)


async def test_closing_twice_or_unused_is_harmless() -> None:
    fetch = HttpFetch()
    await fetch.close()
    await fetch.close()
