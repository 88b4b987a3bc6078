"""Durable ingest against a bare aiohttp handler that reads the body and answers 200.

Same event loop, same client, the same pre-signed distinct ORDER_CHANGE messages of about 2.7 kB, 64 connections,
alternating runs. `python -m bench.ingest [--messages N] [--runs N]`.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from uuid import uuid4

from bench._cpu import children_of, cpu_of
from bench._load import Generator, Load, request_bytes
from receiver.inbox.remote_writer import WriterProcess
from receiver.simulators.sns import Authority, Flavour, Topic

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-orders"
SIGNER = "http://127.0.0.1:9/"
EXAMPLE = Path(__file__).parents[1] / "receiver/simulators/data/notifications/ORDER_CHANGE.json"
RULES = """
[server]
listen = "127.0.0.1:0"
admin = false
[log]
level = "{level}"
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
[[sns.signers]]
url = "http://127.0.0.1:9/"
certificate = "signer.pem"
[inbox]
database = "sqlite:inbox.db"
[handlers.archive]
type = "log"
rate = "1/h"      # deliveries are kept and wait: this measures the way in, bench.dispatch the way out
[[rules]]
name = "orders"
match.type = ["ORDER_CHANGE"]
match.payload.OrderChangeNotification.Summary.OrderStatus = ["Unshipped"]
handlers = ["archive"]
"""


def signed_messages(authority: Authority, count: int, signer: str = SIGNER) -> list[bytes]:
    """Distinct signed pushes, as request heads and bodies without the host."""
    return signed(authority, (str(uuid4()) for _ in range(count)), signer)


def signed(authority: Authority, notification_ids: Iterable[str], signer: str = SIGNER) -> list[bytes]:
    """Signed pushes of notifications with these ids."""
    topic = Topic(TOPIC, signer, authority, Flavour.AWS, "2")
    example = json.loads(EXAMPLE.read_text())
    now = time.time()
    pushes = []
    for notification_id in notification_ids:
        example["NotificationMetadata"]["NotificationId"] = notification_id
        push = topic.notification(json.dumps(example), subscription=f"{TOPIC}:1", sent_at=now)
        pushes.append((dict(push.headers), push.body))
    return [request_bytes("http://127.0.0.1/sns", headers, body) for headers, body in pushes]


def _cpu() -> float:
    """Seconds of CPU that this process and its children have used."""
    return cpu_of(os.getpid(), *children_of(os.getpid()))


async def _bare(announce: Callable[[str], None]) -> None:
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/sns", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    announce(f"http://127.0.0.1:{runner.addresses[0][1]}/sns")
    await asyncio.Event().wait()


async def _router(announce: Callable[[str], None], rules: Path, process: WriterProcess) -> None:
    from receiver import events
    from receiver.config import load
    from receiver.daemon import Daemon
    from receiver.process import live

    config = load(rules)
    events.configure(config.log.level)
    daemon = Daemon(config, process=process)
    task = asyncio.create_task(live(daemon))
    await daemon.ready.wait()
    announce(f"http://{daemon.addresses[0]}/sns")
    await task


def _serve(pipe: Connection, rules: Path | None) -> None:
    import threading

    import uvloop

    def answer() -> None:
        while pipe.recv() == "cpu":
            pipe.send(_cpu())
        os._exit(0)

    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for the process's life

    def announce(url: str) -> None:
        pipe.send(url)
        threading.Thread(target=answer, daemon=True).start()

    from receiver.inbox.remote_writer import WriterProcess

    process = WriterProcess.fork() if rules else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_router(announce, rules, process) if rules else _bare(announce))


@contextmanager
def server(rules: Path | None) -> Iterator[tuple[str, Connection]]:
    """A server in a process of its own: its URL, and a pipe that answers `cpu`."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, rules), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("end")
        process.join(10)


def measure(generator: Generator, requests: list[bytes], rules: Path | None) -> tuple[Load, float]:
    """One run on a fresh server: what the client saw, and how many cores the server used."""
    with server(rules) as (url, pipe):
        pipe.send("cpu")
        before = pipe.recv()
        load = asyncio.run(generator.run(url, requests, 64))
        pipe.send("cpu")
        return load, (pipe.recv() - before) / load.seconds


def main(arguments: list[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--messages", type=int, default=12000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--log", default="warning", help="the daemon's log level")
    options = parser.parse_args(arguments)
    authority = Authority.create()
    requests = signed_messages(authority, options.messages)
    rows: dict[str, list[tuple[Load, float]]] = {"bare aiohttp": [], "spapi-router": []}
    with Generator() as generator:
        for _ in range(options.runs):
            rows["bare aiohttp"].append(measure(generator, requests, None))
            with tempfile.TemporaryDirectory() as folder:
                rules = Path(folder) / "rules.toml"
                rules.write_text(RULES.format(level=options.log))
                (Path(folder) / "signer.pem").write_bytes(authority.certificate)
                rows["spapi-router"].append(measure(generator, requests, rules))
    report(rows)


def report(rows: dict[str, list[tuple[Load, float]]]) -> None:
    """Print medians, their ratio, and the spread of the ratio over the runs."""
    print(f"{'':14} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'cores':>6} {'failed':>7}")
    for name, runs in rows.items():
        print(
            f"{name:14} {statistics.median(load.rate for load, _ in runs):8.0f}"
            f" {statistics.median(load.percentile(0.5) for load, _ in runs):8.2f}"
            f" {statistics.median(load.percentile(0.99) for load, _ in runs):8.2f}"
            f" {statistics.median(cores for _, cores in runs):6.2f} {sum(load.failures for load, _ in runs):7}"
        )
    pairs = list(zip(rows["spapi-router"], rows["bare aiohttp"], strict=True))
    rates = [ours.rate / bare.rate for (ours, _), (bare, _) in pairs]
    tails = [ours.percentile(0.99) / bare.percentile(0.99) for (ours, _), (bare, _) in pairs]
    print(f"requests a second, ratio: {statistics.median(rates):.2f} ({min(rates):.2f} to {max(rates):.2f})")
    print(f"p99, ratio: {statistics.median(tails):.1f} ({min(tails):.1f} to {max(tails):.1f})")


if __name__ == "__main__":
    main()
