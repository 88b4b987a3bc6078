"""From stored documents to files."""

import gzip
import json
import resource
import signal
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.spapi.conversion import ConversionError, Converted, Damaged, charset_of, convert


def converted(
    directory: Path, content: bytes, charset: str | None = "utf-8", rows: bool = False, packed: bool = False
) -> tuple[bytes, Converted]:
    source, target = directory / "source", directory / "target"
    source.write_bytes(content)
    *_, last = convert(source, target, charset, rows, packed)
    return target.read_bytes(), last


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/plain; charset=Windows-1252", "windows-1252"),
        ('text/plain;charset="Shift_JIS"', "cp932"),
        ("text/plain; charset=ISO-8859-1", "cp1252"),
        ("text/tab-separated-values", "utf-8"),
        ("text/xml; charset=iso-8859-1", None),
        ("application/xml", None),
        ("application/json", None),
        ("application/pdf", None),
        ("", None),
        ("application/octet-stream; charset=cp1252", "cp1252"),
    ],
)
def test_the_charset_of_a_content_type(content_type: str, charset: str | None) -> None:
    assert charset_of(content_type) == charset


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("charset", "text"), [("cp1252", "Größe\t€\r\n"), ("cp932", "商品\t①\r\n"), ("utf-8", "é\n")])
def test_text_becomes_utf_8(tmp_path: Path, charset: str, text: str, packed: bool) -> None:
    content = (text * 100_000).encode(charset)
    content = gzip.compress(content, 1) if packed else content
    found, done = converted(tmp_path, content, charset, packed=packed)
    assert found == (text * 100_000).encode()
    assert done == Converted(bytes=len(found), rows=None, replaced=0)


def test_a_byte_order_mark_goes_and_wrong_bytes_are_counted(tmp_path: Path) -> None:
    found, done = converted(tmp_path, b"\xef\xbb\xbfa\xffb\xfe\n")
    assert found == "a\ufffdb\ufffd\n".encode()
    assert done.replaced == 2


def test_without_a_charset_bytes_stay(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    assert converted(tmp_path, content, None)[0] == content
    assert converted(tmp_path, gzip.compress(content), None, packed=True)[0] == content


def test_rows_become_json_lines(tmp_path: Path) -> None:
    content = b"sku\tprice\t\tsku\r\nA\t1.99\tx\tB\r\n\r\nC\t2\r\nD\t3\t\t\tmore\r\nE"
    found, done = converted(tmp_path, content, rows=True)
    assert [json.loads(line) for line in found.splitlines()] == [
        {"sku": "A", "price": "1.99", "column_3": "x", "sku_4": "B"},
        {"sku": "C", "price": "2"},
        {"sku": "D", "price": "3", "column_3": "", "sku_4": "", "column_5": "more"},
        {"sku": "E"},
    ]
    assert done.rows == 4


@pytest.mark.parametrize("content", [b"", b"sku\tprice", b"sku\tprice\r\n", b"\xef\xbb\xbfsku\n\n\n"])
def test_a_file_without_rows_has_none(tmp_path: Path, content: bytes) -> None:
    assert converted(tmp_path, content, rows=True) == (b"", Converted(bytes=0, rows=0))


VALUES = st.text(st.characters(exclude_characters="\t\r\n\ufeff\ufffd", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.lists(VALUES, min_size=2, max_size=2).filter(any), max_size=20))
def test_every_value_comes_through(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    text = "a\tb\r\n" + "".join("\t".join(row) + "\r\n" for row in rows)
    found, done = converted(tmp_path_factory.mktemp("rows"), text.encode(), rows=True)
    assert [list(json.loads(line).values()) for line in found.splitlines()] == rows
    assert done.rows == len(rows)


@pytest.mark.parametrize("rows", [True, False])
def test_damage_is_found(tmp_path: Path, rows: bool) -> None:
    whole = gzip.compress(b"sku\tprice\n" + b"A\t1\n" * 100_000)
    middle = bytes([whole[len(whole) // 2] ^ 255])
    changed = whole[: len(whole) // 2] + middle + whole[len(whole) // 2 + 1 :]
    for content in (whole[:-1], whole[:30], changed, b"no gzip", b""):
        with pytest.raises(Damaged, match="what was downloaded is"):
            converted(tmp_path, content, rows=rows, packed=True)


def test_an_unknown_charset_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="charset 'klingon' is not known: set `charset`"):
        converted(tmp_path, b"a", "klingon")


def test_a_full_disk_gets_back_what_was_half_made(tmp_path: Path) -> None:
    """A file system that is full, by a limit of the process on the size of its files."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(gzip.compress(bytes(4_000_000)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            list(convert(source, target, None, False, True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_memory_is_bounded(tmp_path: Path) -> None:
    row = b"sku-00000001\tB000000001\t19.99\t7\ttitle\r\n"
    source = tmp_path / "source"
    with gzip.open(source, "wb", compresslevel=1) as file:
        file.write(b"sku\tasin\tprice\tquantity\ttitle\r\n")
        for _ in range(4):
            file.write(row * 50_000)
    tracemalloc.start()
    try:
        *_, done = convert(source, tmp_path / "target", "cp1252", True, True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.rows == 200_000
    assert peak < 16 << 20
