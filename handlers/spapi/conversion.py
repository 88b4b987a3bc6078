"""From a document as Amazon stores it to the file that is wanted: unpacked, in UTF-8, rows as JSON lines."""

import asyncio
import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import BinaryIO

import orjson

from handlers.errors import HandlerError

_STEP = 1 << 20
_MAGIC = b"\x1f\x8b"
_LONGEST_LINE = 64 << 20
_MEANT = {"shift_jis": "cp932", "windows-31j": "cp932", "iso-8859-1": "cp1252"}
"""What is meant by names of charsets (WHATWG Encoding Standard, section 4.2)."""
_REPLACEMENT = "�"


class ConversionError(HandlerError):
    """The document cannot be converted as it is set; the text says what to set."""


class Damaged(HandlerError):
    """What was downloaded is not what Amazon stores: fetch it again."""


@dataclass(slots=True)
class Converted:
    """What a conversion has made."""

    bytes: int = 0
    rows: int | None = None
    """Rows beside the header; None where they were not counted."""
    replaced: int = 0
    """Characters that are not in the charset."""


def charset_of(content_type: str) -> str | None:
    """The charset to decode by, None where the bytes are to stay as they are (XML says its own, PDF has none).

    Text without a charset is taken as UTF-8.
    """
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    if "xml" in kind or kind == "application/json":
        return None
    charset = header.get_content_charset()
    return _MEANT.get(charset or "", charset) or ("utf-8" if content_type and kind.startswith("text/") else None)


def is_charset(name: str) -> bool:
    """Whether Python can decode text by a charset."""
    try:
        b"a".decode(name)
    except UnicodeDecodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True


def convert(source: Path, target: Path, charset: str | None, rows: bool, packed: bool) -> Iterator[Converted]:
    """Write `target` from `source`, about a MiB a step, and onto the disk; the last step has the totals.

    A source that begins as gzip does is unpacked; `packed` says that it must. Raises ConversionError, Damaged or
    OSError.
    """
    target.unlink(missing_ok=True)
    try:
        yield from _converted(source, target, charset, rows, packed)
    except OSError:  # what is half made would keep a full disk full
        target.unlink(missing_ok=True)
        raise


def _converted(source: Path, target: Path, charset: str | None, rows: bool, packed: bool) -> Iterator[Converted]:
    done = Converted(rows=0 if rows else None)
    with _opened(source, packed) as content, os.fdopen(_create(target), "wb") as file:
        try:
            for piece in _lines(content, charset, done) if rows else _contents(content, charset, done):
                done.bytes += file.write(piece)
                yield done
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise Damaged(f"what was downloaded is damaged: {error}") from None
        file.flush()
        os.fsync(file.fileno())
    yield done


async def finished(steps: Iterator[Converted]) -> Converted:
    """Take the steps one by one off the event loop, so that a cancelled attempt ends between two of them."""
    converted = Converted()
    while (step := await asyncio.to_thread(next, steps, None)) is not None:
        converted = step
    return converted


def _opened(source: Path, packed: bool) -> BinaryIO | gzip.GzipFile:
    with source.open("rb") as file:
        begins = file.read(2) == _MAGIC
    if packed and not begins:
        raise Damaged("what was downloaded is no gzip file")
    return gzip.open(source, "rb") if begins else source.open("rb")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)


def _contents(content: BinaryIO | gzip.GzipFile, charset: str | None, done: Converted) -> Iterator[bytes]:
    if charset is None:
        while chunk := content.read(_STEP):
            yield chunk
        return
    for text in _texts(content, charset, done):
        yield text.encode()


def _texts(content: BinaryIO | gzip.GzipFile, charset: str, done: Converted) -> Iterator[str]:
    """The text in pieces, without a byte order mark."""
    if not is_charset(charset):
        raise ConversionError(f"charset {charset!r} is not known: set `charset` to the right one")
    decoder = codecs.getincrementaldecoder(charset)("replace")
    first = True
    while chunk := content.read(_STEP):
        text = decoder.decode(chunk)
        done.replaced += text.count(_REPLACEMENT)
        yield text.removeprefix("\ufeff") if first else text
        first = False
    rest = decoder.decode(b"", True)
    done.replaced += rest.count(_REPLACEMENT)
    yield rest


def _lines(content: BinaryIO | gzip.GzipFile, charset: str | None, done: Converted) -> Iterator[bytes]:
    """Tab-separated rows as JSON objects, one a line: Amazon's flat files know no quotes and no tabs in values."""
    header: list[str] = []
    rest = ""
    for text in _texts(content, charset or "utf-8", done):
        *lines, rest = (rest + text).split("\n")
        if len(rest) > _LONGEST_LINE:
            raise ConversionError('a row is longer than 64 MiB, so this is no flat file: set format = "text"')
        if not header and lines:
            header = _header(lines.pop(0))
        yield _objects(header, lines, done)
    if rest.strip("\r"):
        yield _objects(header, [rest], done) if header else b""


def _header(line: str) -> list[str]:
    """The names of the columns, each once."""
    names: list[str] = []
    for place, name in enumerate(line.rstrip("\r").split("\t"), 1):
        known = name.strip() or f"column_{place}"
        names.append(f"{known}_{place}" if known in names else known)
    return names


def _objects(header: list[str], lines: list[str], done: Converted) -> bytes:
    # Joined at once: a list of orjson's results would hold 4 KiB for each row.
    written, rows = bytearray(), 0
    for line in lines:
        values = line.rstrip("\r").split("\t")
        if values == [""]:
            continue
        names = header if len(values) <= len(header) else [*header, *_beyond(header, values)]
        written += orjson.dumps(dict(zip(names, values, strict=False)))
        written += b"\n"
        rows += 1
    done.rows = (done.rows or 0) + rows
    return bytes(written)


def _beyond(header: list[str], values: list[str]) -> list[str]:
    return [f"column_{place}" for place in range(len(header) + 1, len(values) + 1)]
