"""Durable ingest against what people use instead: Express with sns-validator and SQLite, and Debian's webhook.

The same load generator and kind of messages as in `bench.ingest`: distinct, pre-signed, 64 connections, alternating
runs on fresh servers and databases. Peers that are not here are named with what to install.
`python -m bench.peers [--messages N] [--runs N]`.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench._load import Generator, Load
from bench.ingest import RULES, measure, signed_messages
from bench.peers._programs import PeerMissing, Served, express, versions, webhook
from receiver.simulators.sns import Authority

SNS = "https://sns.us-east-1.amazonaws.com/"
"""Where certificate URLs begin that sns-validator believes; ours are of the stand-in that the rules file names."""

Start = Callable[[], AbstractContextManager[Served]]
Row = tuple[Load, float]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--messages", type=int, default=6000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    authority = Authority.create()
    ours = signed_messages(authority, options.messages)
    theirs = signed_messages(authority, options.messages, SNS)
    peers: dict[str, Start] = {
        "express, full": lambda: express(authority.certificate, "full"),
        "express, normal": lambda: express(authority.certificate, "normal"),
        "express, memory": lambda: express(authority.certificate, "memory"),
        "webhook": webhook,
    }
    print(", ".join(versions()) or "no peer is here")
    rows: dict[str, list[Row]] = {}
    with Generator() as generator:
        for _ in range(options.runs):
            rows.setdefault("spapi-router", []).append(_router(generator, ours, authority))
            for name, start in list(peers.items()):
                try:
                    rows.setdefault(name, []).append(_peer(generator, theirs, start))
                except PeerMissing as error:
                    print(f"{name}: {error}")
                    del peers[name]
                    rows.pop(name, None)
    report(rows)


def report(rows: dict[str, list[Row]]) -> None:
    """Print medians, and how many times each peer this daemon takes."""
    print(f"{'':16} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'cores':>6} {'failed':>7} {'ours is':>12}")
    for name, runs in rows.items():
        ratios = [ours.rate / load.rate for (ours, _), (load, _) in zip(rows["spapi-router"], runs, strict=True)]
        times = f"{statistics.median(ratios):.1f} times" if name != "spapi-router" else ""
        failed = sum(load.failures for load, _ in runs)
        print(
            f"{name:16} {statistics.median(load.rate for load, _ in runs):8.0f}"
            f" {statistics.median(load.percentile(0.5) for load, _ in runs):8.2f}"
            f" {statistics.median(load.percentile(0.99) for load, _ in runs):8.2f}"
            f" {statistics.median(cores for _, cores in runs):6.2f} {failed:7} {times:>12}"
        )


def _router(generator: Generator, requests: list[bytes], authority: Authority) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.toml"
        rules.write_text(RULES.format(level="warning"))
        (Path(folder) / "signer.pem").write_bytes(authority.certificate)
        return measure(generator, requests, rules)


def _peer(generator: Generator, requests: list[bytes], start: Start) -> Row:
    with start() as served:
        before = served.cpu
        load = asyncio.run(generator.run(served.url, requests, 64))
        return load, (served.cpu - before) / load.seconds
