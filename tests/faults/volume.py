"""Small file systems that fill up, go read-only, and are gone after the test. Only root can make them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoVolume(Exception):
    """A file system cannot be made here; the text says why."""


@contextmanager
def tmpfs(where: Path, size: str) -> Iterator[Path]:
    """A file system in memory. Raises NoVolume."""
    with _mounted(where, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield where


@contextmanager
def ext4(where: Path, megabytes: int) -> Iterator[Path]:
    """A file system in a file, which can fail as one on a disk does. Raises NoVolume."""
    image = where.with_name(where.name + ".img")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", str(image))
    with _mounted(where, "-o", "loop", str(image)):
        yield where


@contextmanager
def overlay(over: Path, where: Path) -> Iterator[Path]:
    """The files of a directory, of which changes stay in memory. Raises NoVolume."""
    with tmpfs(where, "256m,mode=0755"):
        upper, work, root = (where / name for name in ("upper", "work", "root"))
        upper.mkdir()
        work.mkdir()
        layers = f"lowerdir={over},upperdir={upper},workdir={work}"
        with _mounted(root, "-t", "overlay", "-o", layers, "overlay"):
            yield root


def read_only(where: Path) -> None:
    """Make a file system on which nothing is open for writing read-only."""
    _run("mount", "-o", "remount,ro", str(where))


def abort(where: Path) -> None:
    """Have ext4 do what it does when its disk fails: go read-only, whoever writes (ext4(5), `abort`)."""
    _run("mount", "-o", "remount,abort", str(where))


@contextmanager
def _mounted(where: Path, *arguments: str) -> Iterator[None]:
    if os.geteuid() != 0:
        raise NoVolume("only root can mount a file system")
    where.mkdir()
    _run("mount", *arguments, str(where))
    try:
        yield
    finally:
        _run("umount", "--lazy", str(where))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoVolume(f"{command[0]}: {error}") from None
    if done.returncode:
        raise NoVolume(f"{' '.join(command)}: {done.stderr.strip()}")
