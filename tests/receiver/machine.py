"""A machine whose first process is systemd: this one's files below an overlay that is thrown away, in namespaces.

Sources: systemd-nspawn(1), kernel-command-line(7) (`systemd.run`), cgroups(7).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.volume import overlay

_LIMIT = 90.0


class NoMachine(Exception):
    """No machine can be booted here; the text says why."""


@contextmanager
def overlaid(where: Path) -> Iterator[Path]:
    """The files of this machine, of which changes stay in memory; it has no identity, and starts no services.

    Raises NoMachine, and NoVolume where it cannot be mounted.
    """
    if shutil.which("systemd-nspawn") is None:
        raise NoMachine("there is no systemd-nspawn here: apt-get install systemd-container")
    with overlay(Path("/"), where) as root:
        (root / "etc/machine-id").write_text("")
        yield root


def run(root: Path, command: str, places: Mapping[Path, str], console: Path) -> int:
    """Boot it, run a command there and turn it off; its exit status. `places`: directories, and where it has them."""
    binds = [f"--bind={path}:{place}" for path, place in places.items()]
    boot = ["systemd-nspawn", f"--directory={root}", "--register=no", "--keep-unit", "--private-network", *binds]
    with _group() as group, console.open("wb") as output:

        def enter() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        nspawn = subprocess.Popen(
            [*boot, "--boot", f'systemd.run="{command}"'],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=enter,  # noqa: PLW1509 - no threads run here
        )
        try:
            return nspawn.wait(_LIMIT)
        finally:
            nspawn.kill()
            nspawn.wait()


@contextmanager
def _group() -> Iterator[Path]:
    """A control group of its own, with nothing left in it at the end."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    place = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if place is None:
        raise NoMachine("no cgroup2 is mounted here")
    group = place / f"spapi-router-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise NoMachine(f"no control group can be made here: {error}") from None
    try:
        yield group
    finally:
        with suppress(OSError):
            (group / "cgroup.kill").write_text("1")
        for directory, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(directory).rmdir()
