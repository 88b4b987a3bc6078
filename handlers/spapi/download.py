"""Fetching a document behind a pre-signed URL into a file, in bounded memory, going on where it broke off.

Source: RFC 9110, sections 14 and 15.3.7, for ranges. The last byte that is here is asked for again, so that the range
can be satisfied when the file is whole already, and its answer still tells the size and the media type.
"""

import asyncio
import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import aiohttp

from handlers.errors import HandlerError

CHUNK = 1 << 18
"""Bytes read from the network at once."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class LinkEnded(HandlerError):
    """The pre-signed URL is no longer taken: ask for another."""


class DownloadError(HandlerError):
    """The document cannot be fetched now, or the file cannot be written."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    received: int
    """Bytes in the file."""
    total: int | None
    """Bytes of the document, None where the server does not tell."""
    content_type: str
    encoding: str
    """Content-Encoding, in lower case."""
    complete: bool

    def __str__(self) -> str:
        return f"{self.received} of {self.total if self.total is not None else 'unknown'} bytes"


class Download:
    """One document on its way into one file."""

    def __init__(self, session: aiohttp.ClientSession, part: Path, resumes: bool) -> None:
        """`resumes`: whether to go on with what is in the file. Only for content whose damage shows later."""
        self._session = session
        self._part = part
        self._resumes = resumes
        self.fresh = 0
        """Bytes that came in the last run."""

    async def run(self, url: str, seconds: float) -> Progress:
        """Fetch for at most so many seconds. Raises LinkEnded, DownloadError or what aiohttp raises."""
        self.fresh = 0
        have = await asyncio.to_thread(_size, self._part) if self._resumes else 0
        headers = {"Range": f"bytes={have - 1}-"} if have else {}
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            start, total = _extent(response.status, response.headers, have)
            try:
                received, ended = await self._write(response, start, seconds)
            except OSError as error:
                if isinstance(error, aiohttp.ClientError):
                    raise
                if error.errno in _NO_ROOM:  # the inbox may lie on the same disk, and can take nothing in
                    await asyncio.to_thread(self._part.unlink, missing_ok=True)
                raise DownloadError(f"{self._part} cannot be written: {error.strerror or error}") from None
            content_type = response.headers.get("content-type", "")
            encoding = response.headers.get("content-encoding", "").lower()
        whole = ended and total in {None, received}
        return Progress(received, total, content_type, encoding, whole)

    async def _write(self, response: aiohttp.ClientResponse, start: int, seconds: float) -> tuple[int, bool]:
        """The size of the file then, and whether the answer has ended."""
        ends = asyncio.get_running_loop().time() + seconds
        file = await asyncio.to_thread(_open, self._part, start)
        received = start
        try:
            async for chunk in response.content.iter_chunked(CHUNK):
                await asyncio.to_thread(_write_all, file, chunk)
                received += len(chunk)
                self.fresh += len(chunk)
                if asyncio.get_running_loop().time() >= ends:
                    response.close()
                    return received, False
        finally:
            await asyncio.to_thread(file.close)
        return received, True


def _extent(status: int, headers: Mapping[str, str], have: int) -> tuple[int, int | None]:
    """Where the answer's first byte goes, and the size of the whole."""
    if status in {401, 403, 410}:
        raise LinkEnded(f"the document's URL was answered {status}")
    if status == 200:
        length = headers.get("content-length", "")
        return 0, int(length) if length.isascii() and length.isdigit() else None
    match = _RANGE.fullmatch(headers.get("content-range", ""))
    if status == 206 and match and int(match[1]) == have - 1:
        return have - 1, int(match[2])
    raise DownloadError(f"the document's URL was answered {status}" + (" with another range" if status == 206 else ""))


def _write_all(file: BinaryIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _open(path: Path, start: int) -> BinaryIO:
    """The file without a buffer, so that what came is in it when the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640), "r+b", buffering=0)
    file.truncate(start)
    file.seek(start)
    return file
