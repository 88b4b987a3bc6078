"""Downloads that break off, and go on."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from handlers.spapi.download import Download, DownloadError, LinkEnded

CONTENT = os.urandom(3_000_000)


@dataclass
class Store:
    """A store behind a URL. `cut`: bytes after which the connection breaks; `answers`: statuses in place of it."""

    url: str = ""
    cut: int | None = None
    answers: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    ignores_ranges: bool = False
    shift: int = 0
    pause: float = 0.0
    content: bytes = CONTENT

    async def serve(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        if self.answers:
            return web.Response(status=self.answers.pop(0))
        start = int(asked[6:-1]) if asked and not self.ignores_ranges else 0
        headers = {"Content-Type": "text/plain; charset=cp1252"}
        status = 200
        if asked and not self.ignores_ranges:
            status = 206
            headers["Content-Range"] = f"bytes {start + self.shift}-{len(self.content) - 1}/{len(self.content)}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(self.content) - start
        await response.prepare(request)
        ends = len(self.content) if self.cut is None else min(len(self.content), start + self.cut)
        for place in range(start, ends, 100_000):
            await response.write(self.content[place : min(place + 100_000, ends)])
            await asyncio.sleep(self.pause)
        if ends < len(self.content) and request.transport:
            request.transport.close()
        return response


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    kept = Store()
    runner = web.ServerRunner(web.Server(kept.serve, access_log=None), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}/document"
    yield kept
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as opened:
        yield opened


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_document_comes_whole(store: Store, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    part = tmp_path / "new" / "part"
    progress = await Download(session, part, resumes=True).run(store.url, 60)
    assert progress.complete
    assert (progress.received, progress.total) == (len(CONTENT), len(CONTENT))
    assert progress.content_type == "text/plain; charset=cp1252"
    assert content(part) == CONTENT
    assert store.ranges == [None]


async def test_what_broke_off_goes_on_until_it_is_whole(
    store: Store, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    store.cut = 700_000
    part = tmp_path / "part"
    breaks = 0
    while True:
        download = Download(session, part, resumes=True)
        try:
            progress = await download.run(store.url, 60)
            break
        except aiohttp.ClientError:
            breaks += 1
            assert download.fresh > 1
            assert breaks < 10
    assert breaks >= 3
    assert progress.complete
    assert content(part) == CONTENT
    assert all(asked is not None for asked in store.ranges[1:])


async def test_a_file_that_is_whole_costs_one_byte_and_still_tells_its_type(
    store: Store, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    part.write_bytes(CONTENT)
    download = Download(session, part, resumes=True)
    progress = await download.run(store.url, 60)
    assert progress.complete
    assert (download.fresh, progress.content_type) == (1, "text/plain; charset=cp1252")
    assert content(part) == CONTENT


async def test_without_ranges_it_begins_again(store: Store, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"x" * (len(CONTENT) + 7))
    store.ignores_ranges = True
    assert (await Download(session, part, resumes=True).run(store.url, 60)).complete
    assert content(part) == CONTENT
    part.write_bytes(b"x" * 100)
    assert (await Download(session, part, resumes=False).run(store.url, 60)).complete
    assert store.ranges[-1] is None
    assert content(part) == CONTENT


async def test_time_that_is_over_ends_it_where_it_is(
    store: Store, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    store.pause = 0.001
    runs = 0
    while not (progress := await Download(session, part, resumes=True).run(store.url, 0.005)).complete:
        assert progress.received == part.stat().st_size
        runs += 1
        assert runs < 1000
    assert runs > 1
    assert content(part) == CONTENT


async def test_an_empty_document_is_whole(store: Store, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    store.content = b""
    progress = await Download(session, tmp_path / "part", resumes=True).run(store.url, 60)
    assert (progress.complete, progress.received) == (True, 0)


@pytest.mark.parametrize("status", [401, 403, 410])
async def test_a_url_that_has_ended_is_said(
    store: Store, session: aiohttp.ClientSession, tmp_path: Path, status: int
) -> None:
    store.answers = [status]
    with pytest.raises(LinkEnded, match=f"answered {status}"):
        await Download(session, tmp_path / "part", resumes=True).run(store.url, 60)


@pytest.mark.parametrize("status", [302, 404, 416, 500, 503])
async def test_other_answers_are_errors(
    store: Store, session: aiohttp.ClientSession, tmp_path: Path, status: int
) -> None:
    store.answers = [status]
    with pytest.raises(DownloadError, match=f"answered {status}"):
        await Download(session, tmp_path / "part", resumes=True).run(store.url, 60)


async def test_a_range_of_somewhere_else_is_an_error(
    store: Store, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    part.write_bytes(CONTENT[:1000])
    store.shift = 5
    with pytest.raises(DownloadError, match="another range"):
        await Download(session, part, resumes=True).run(store.url, 60)
    assert content(part) == CONTENT[:1000]


async def test_a_disk_that_takes_nothing_is_named(store: Store, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot be written: File exists"):
        await Download(session, tmp_path / "file" / "part", resumes=False).run(store.url, 60)


async def test_a_full_disk_is_named_and_left(store: Store, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    """A file system that is full, by a limit of the process on the size of its files."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(DownloadError, match="part cannot be written: File too large"):
            await Download(session, tmp_path / "part", resumes=False).run(store.url, 60)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not (tmp_path / "part").exists()
    progress = await Download(session, tmp_path / "part", resumes=True).run(store.url, 60)
    assert progress.complete
    assert content(tmp_path / "part") == CONTENT
