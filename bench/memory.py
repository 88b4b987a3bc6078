"""Resident memory of both processes of a daemon, as messages pass through it: pushed, kept, delivered, forgotten by it.

Distinct signed ORDER_CHANGE messages of 2.7 kB over 64 connections, each delivered by a `log` handler at once. What the
processes share is counted once in their sum. `python -m bench.memory [--messages N] [--admin]`.
"""

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path

from bench._load import Generator
from bench._started import Started, resident, resident_together, started
from bench.ingest import RULES, signed_messages
from receiver.simulators.sns import Authority

_BATCH = 10_000
_SHARES = (0.1, 0.3, 1.0)
_CONNECTIONS = 64
_SETTLING = 2.0


def rules_in(folder: Path, authority: Authority, admin: bool) -> Path:
    """A rules file that has each message delivered, with an admin listener or without."""
    text = RULES.format(level="info")
    text = text.replace('rate = "1/h"', "")
    if admin:
        text = text.replace("admin = false", 'admin = "127.0.0.1:0"')
    (folder / "signer.pem").write_bytes(authority.certificate)
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def batches(pool: Pool, authority: Authority, messages: int) -> Iterator[list[bytes]]:
    """The messages, signed by all cores just before they are sent: a million would need 3 GB."""
    key = authority.keep()
    while messages > 0:
        size = min(messages, _BATCH)
        messages -= size
        cores = os.cpu_count() or 1
        parts = [size // cores + (core < size % cores) for core in range(cores)]
        signed = pool.starmap(_signed, [(key, part) for part in parts])
        yield [message for part in signed for message in part]


def _signed(key: bytes, count: int) -> list[bytes]:
    return signed_messages(Authority.load(key), count)


def report(daemon: Started, taken: int) -> None:
    """Print a line of the table, when what was going on has ended."""
    time.sleep(_SETTLING)
    processes = daemon.processes()
    listeners, writer = (resident(pid) for pid in processes)
    print(f"{taken:>9} {listeners:>10.1f} {writer:>7.1f} {resident_together(processes):>9.1f}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--admin", action="store_true", help="with the admin listener, console and API")
    options = parser.parse_args(arguments)
    authority = Authority.create()
    marks = {round(options.messages * share / _BATCH) * _BATCH for share in _SHARES} | {options.messages}
    print(f"{'messages':>9} {'listeners':>10} {'writer':>7} {'together':>9}   MiB")
    with (
        tempfile.TemporaryDirectory(prefix="bench-memory-") as folder,
        multiprocessing.get_context("spawn").Pool() as pool,
        Generator() as load,
        started(rules_in(Path(folder), authority, options.admin)) as daemon,
    ):
        report(daemon, 0)
        taken = 0
        for requests in batches(pool, authority, options.messages):
            outcome = asyncio.run(load.run(f"http://{daemon.address}/sns", requests, _CONNECTIONS))
            if outcome.failures:
                raise SystemExit(f"{outcome.failures} messages were not taken")
            taken += len(requests)
            if taken in marks:
                report(daemon, taken)


if __name__ == "__main__":
    main()
