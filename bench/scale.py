"""Durable ingest when much is kept already and when there are many rules, how soon a daemon answers, and its memory.

Requests a second beside the same on an empty inbox with one rule, in alternating runs; seconds from the start of the
process to its first 200; and resident memory of both processes. `python -m bench.scale [--rows N] [--rules N]`.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench._load import Generator
from bench._started import resident_together, started
from bench.ingest import RULES, measure, signed_messages
from receiver.inbox.sqlite import SqliteInbox
from receiver.simulators.sns import Authority

_RULE = """
[[rules]]
name = "rule {number}"
match.type = ["ORDER_CHANGE"]
match.seller_id = ["A{number:012d}"]
handlers = ["archive"]
"""
_NOTIFICATIONS = (
    "INSERT INTO notifications (id, dedup_key, type, version, notification_id, message_id, topic, seller_id, "
    "marketplace_id, event_time, received_at, routed) VALUES (?, ?, 'ORDER_CHANGE', '1', ?, ?, 't', 's', 'm', ?, ?, 1)"
)
_BODIES = "INSERT INTO bodies (notification_id, part, body) VALUES (?, 0, '{}')"
_DELIVERIES = (
    "INSERT INTO deliveries (notification_id, webhook, rule, handler, state, created_at, event_time, due_at, "
    "finished_at) VALUES (?, ?, 'orders', 'archive', 3, ?, ?, ?, ?)"
)
_SEEN = "INSERT OR IGNORE INTO seen (key, notification_id, at) VALUES (?, ?, ?)"
_STEP = 50_000


def fill(database: Path, rows: int) -> None:
    """An inbox that has taken many notifications and delivered them all; their bodies are short."""
    asyncio.run(_made(database))
    connection = sqlite3.connect(database, isolation_level=None)
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000")
    now = time.time()
    # In the order of their keys, as if they had been moved there: one by one the filling alone would take an hour.
    for start in range(1, rows + 1, _STEP):
        ids = range(start, min(start + _STEP, rows + 1))
        keys = [((id_ * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)).to_bytes(16, "big") for id_ in ids]
        connection.execute("BEGIN")
        connection.executemany(_NOTIFICATIONS, ((id_, f"n:{id_}", str(id_), str(id_), now, now) for id_ in ids))
        connection.executemany(_BODIES, ((id_,) for id_ in ids))
        connection.executemany(
            _DELIVERIES, ((id_, key, now, now, now, now) for id_, key in zip(ids, keys, strict=True))
        )
        connection.executemany(_SEEN, sorted((key, id_, now) for id_, key in zip(ids, keys, strict=True)))
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _made(database: Path) -> None:
    await (await SqliteInbox.open(database)).close()


@contextmanager
def place(authority: Authority, rules: int = 0) -> Iterator[Path]:
    """A folder with a rules file of so many rules before the one that matches."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
        path = Path(folder) / "rules.toml"
        path.write_text(RULES.format(level="warning") + "".join(_RULE.format(number=each) for each in range(rules)))
        (Path(folder) / "signer.pem").write_bytes(authority.certificate)
        yield path


def start_seconds(rules: Path) -> tuple[float, int]:
    """From the start of the process until it says that it is ready, and the memory of its processes in MiB."""
    with started(rules) as daemon:
        return daemon.seconds, int(resident_together(daemon.processes()))


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=8000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    authority = Authority.create()
    requests = [signed_messages(authority, options.messages) for _ in range(options.runs)]
    with (
        place(authority) as plain,
        place(authority, options.rules) as many,
        place(authority) as full,
        Generator() as load,
    ):
        fill(full.with_name("inbox.db"), options.rows)
        places = {"empty": plain, f"{options.rules} rules": many, f"{options.rows} rows": full}
        rates: dict[str, list[float]] = {name: [] for name in places}
        for run in range(options.runs):
            for name, rules in places.items():
                rates[name].append(measure(load, requests[run], rules)[0].rate)
        for name, rules in places.items():
            ratio = statistics.median(rate / bare for rate, bare in zip(rates[name], rates["empty"], strict=True))
            rules.write_text(rules.read_text().replace('level = "warning"', 'level = "info"'))
            seconds, mebibytes = start_seconds(rules)
            median = statistics.median(rates[name])
            print(
                f"{name:>16} {median:7.0f} req/s  {ratio:5.2f}  ready after {seconds:.2f} s  {mebibytes} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
