"""Starting the peers as processes, and knowing which of them are here."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_START_WITHIN = 20.0


class PeerMissing(Exception):
    """A peer is not here; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running peer: where it takes pushes, and its process."""

    url: str
    pid: int

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it and its children have used, those that have ended among them."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS


@contextmanager
def express(certificate: bytes, mode: str) -> Iterator[Served]:
    """Express + sns-validator + better-sqlite3; `mode` is memory, normal or full. Raises PeerMissing."""
    node = _found("node", "apt-get install nodejs npm")
    folder = HERE / "express"
    install_express(folder)
    with tempfile.TemporaryDirectory() as place:
        pem = Path(place) / "signer.pem"
        pem.write_bytes(certificate)
        command = [node, str(folder / "server.js"), f"{place}/peer.db", str(pem), mode]
        with _running(command, {"NODE_ENV": "production"}, stdout=subprocess.PIPE) as process:
            if process.stdout is None or not (line := process.stdout.readline()):
                raise PeerMissing(f"Express did not start: see `{' '.join(command)}`")
            yield Served(line.decode().strip(), process.pid)


def install_express(folder: Path) -> None:
    """Install its packages where that has not been done. Raises PeerMissing."""
    if (folder / "node_modules/better-sqlite3/build/Release/better_sqlite3.node").exists():
        return
    npm = _found("npm", "apt-get install nodejs npm")
    print("installing the packages of bench/peers/express: some minutes", file=sys.stderr)
    headers = {"npm_config_nodedir": "/usr"} if Path("/usr/include/node").exists() else {}
    command = [npm, "ci" if (folder / "package-lock.json").exists() else "install", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **headers}, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        raise PeerMissing(f"npm could not install bench/peers/express: {done.stderr.strip()[-300:]}")


@contextmanager
def webhook() -> Iterator[Served]:
    """Debian's webhook, which runs /bin/true for each push. Raises PeerMissing."""
    program = _found("webhook", "apt-get install webhook")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hooks = str(HERE / "webhook/hooks.json")
    with _running([program, "-hooks", hooks, "-ip", "127.0.0.1", "-port", str(port), "-urlprefix", ""], {}) as process:
        _wait_for(port, process)
        yield Served(f"http://127.0.0.1:{port}/sns", process.pid)


def versions() -> Iterator[str]:
    """The peers that are here, each with its version."""
    for name, arguments in (("node", ["--version"]), ("webhook", ["-version"])):
        if program := shutil.which(name):
            done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=20)
            found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
            yield f"{name} {found[0] if found else 'of unknown version'}"


def _found(program: str, cure: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise PeerMissing(f"{program} is not here, so this peer is left out: {cure}")
    return path


@contextmanager
def _running(
    command: Sequence[str], more: dict[str, str], stdout: int = subprocess.DEVNULL
) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(command, env={**os.environ, **more}, stdout=stdout, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until somebody listens. Raises PeerMissing."""
    ends = time.monotonic() + _START_WITHIN
    while time.monotonic() < ends and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise PeerMissing("webhook did not start")
