"""Files of lines: torn ends, rotation, several writers, full disks."""

import errno
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.line_file import LineFile


def line_file(path: Path, rotate: int = 1 << 20, keep: int = 3, fsync: bool = False) -> LineFile:
    return LineFile(path, rotate, keep, fsync)


def write(file: LineFile, lines: list[bytes]) -> None:
    while lines:
        lines = lines[file.append(lines) :]


def test_lines_are_appended_and_directories_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "a.jsonl"
    assert line_file(path, fsync=True).append([b"1", b"2"]) == 2
    assert line_file(path).append([b"3"]) == 1
    assert path.read_bytes() == b"1\n2\n3\n"
    assert path.stat().st_mode & 0o777 == 0o640 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_torn_last_line_is_ended_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"whole":1}\n{"torn":')
    line_file(path).append([b'{"next":2}'])
    assert path.read_bytes() == b'{"whole":1}\n{"torn":\n{"next":2}\n'


def test_a_full_disk_leaves_no_part_of_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    file = line_file(path)
    file.append([b"before"])
    written = []

    def full(descriptor: int, data: memoryview) -> int:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(real(descriptor, data[:3]))
        return written[0]

    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            file.append([b"lost line"])
    assert path.read_bytes() == b"before\n"
    file.append([b"after"])
    assert path.read_bytes() == b"before\nafter\n"


def test_a_failed_fsync_is_an_error_and_takes_the_lines_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    file = line_file(path, fsync=True)

    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="Input/output"):
            file.append([b"line"])
    assert path.read_bytes() == b""


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = line_file(path)
    file.append([b"1"])
    path.rename(tmp_path / "moved")
    file.append([b"2"])
    assert path.read_bytes() == b"2\n"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        line_file(tmp_path / "pipe").append([b"1"])
    with pytest.raises(IsADirectoryError):
        line_file(tmp_path).append([b"1"])


def test_keeping_fewer_files_removes_the_surplus(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(line_file(path, rotate=2, keep=5), [b"%d" % number for number in range(8)])
    assert sorted(tmp_path.iterdir()) == [path, *(tmp_path / f"a.{number}" for number in range(1, 6))]
    write(line_file(path, rotate=2, keep=2), [b"8"])
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["a", "a.1", "a.2"]
    assert (tmp_path / "a.1").read_bytes() == b"7\n"


def test_without_older_files_the_full_one_is_dropped(tmp_path: Path) -> None:
    write(line_file(tmp_path / "a", rotate=4, keep=0), [b"1", b"2", b"3"])
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a", b"3\n")]


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=40),
    rotate=st.integers(1, 60),
    group=st.integers(1, 7),
)
@settings(max_examples=60, deadline=None)
def test_rotation_keeps_every_line_in_order_and_every_file_in_bounds(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], rotate: int, group: int
) -> None:
    path = tmp_path_factory.mktemp("rotation") / "a"
    lines = [b"%d-" % place + b"x" * length for place, length in enumerate(lengths)]
    file = line_file(path, rotate=rotate, keep=len(lines))
    for start in range(0, len(lines), group):
        write(file, lines[start : start + group])
    files = sorted(path.parent.iterdir(), key=lambda each: -int(each.suffix[1:] or 0))
    assert b"".join(each.read_bytes() for each in files) == b"".join(line + b"\n" for line in lines)
    assert all(each.stat().st_size <= rotate or each.read_bytes().count(b"\n") == 1 for each in files)


def _write_many(path: Path, letter: bytes) -> None:
    file = line_file(path, rotate=200, keep=1000)
    for _ in range(100):
        write(file, [letter * 9, letter * 9])


def test_several_processes_lose_and_mix_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, letter)) for letter in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    lines = [line for each in tmp_path.iterdir() for line in each.read_bytes().splitlines()]
    assert sorted(lines) == sorted([b"a" * 9] * 200 + [b"b" * 9] * 200 + [b"c" * 9] * 200)
