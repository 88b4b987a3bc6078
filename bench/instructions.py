"""Instructions that taking in one message costs, the same on a busy machine as on a quiet one.

The writer's work on a push (read from its channel, parsed, proven, routed, kept with one delivery, answered), and the
RSA verification alone, which nobody here can make smaller. Both count user space only, as the difference of two runs
that differ in nothing but the number of messages; what lies between them must not become more. Counted by the processor
where Linux's `perf` may ask it, which virtual machines often refuse, else by valgrind, in a minute or two.
`python -m bench.instructions [--most THOUSANDS]`.
"""

import argparse
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench.ingest import RULES, TOPIC, signed_messages
from receiver import garbage
from receiver.composition import open_stand_ins, terms
from receiver.config import load
from receiver.inbox.connection import connect
from receiver.inbox.executor import Executor, Job
from receiver.inbox.frames import Frames, frame
from receiver.inbox.sqlite import SqliteInbox
from receiver.judge import Pushed, settle_terms, take
from receiver.simulators.sns import Authority
from receiver.sns import parse
from receiver.sns.certificate import read_pem, rsa_key
from receiver.sns.signature import check_signature, text_to_sign

BATCH = 32
FEW, MANY = 320, 1280
MOST = 350
"""Thousands of instructions a message beside its verification, as measured with Python 3.11."""
ALLOWED = 1.15
"""How far above that the count may be: interpreters differ a little."""


def prepare(folder: Path) -> None:
    """Everything that a run reads: the rules, the stand-in's certificate, and frames as the channel brings them."""
    authority = Authority.create()
    (folder / "rules.toml").write_text(RULES.format(level="warning"))
    (folder / "signer.pem").write_bytes(authority.certificate)
    bodies = [request.partition(b"\r\n\r\n")[2] for request in signed_messages(authority, MANY)]
    headers = {"x-amz-sns-message-type": "Notification", "x-amz-sns-topic-arn": TOPIC}
    pushes = [(take, Pushed(body, headers, time.time())) for body in bodies]
    batches = [frame(pushes[start : start + BATCH]) for start in range(0, MANY, BATCH)]
    (folder / "frames.pickle").write_bytes(pickle.dumps(batches))


def ingest(folder: Path, count: int) -> None:
    """What the writer's process does for `count` messages."""
    import asyncio

    database = folder / f"{count}.db"
    asyncio.run(_made(database))
    config = load(folder / "rules.toml")
    executor = Executor(partial(connect, database, "rw", 1.0), lambda error: error)
    executor.perform([Job(settle_terms, terms(config, open_stand_ins(config), None))])
    garbage.spare()
    frames = Frames()
    for data in _batches(folder, count):
        for batch in frames.feed(data):
            jobs = [Job(*each) for each in batch]
            executor.perform(jobs)
            if jobs[-1].error or not isinstance(jobs[-1].result, tuple):
                raise SystemExit(f"not taken: {jobs[-1]}")
            frame([(job.result, job.error) for job in jobs])
    executor.close()


def verification(folder: Path, count: int) -> None:
    """The signatures of `count` messages, and nothing else but getting at them."""
    key = rsa_key(read_pem((folder / "signer.pem").read_bytes()))
    frames = Frames()
    messages = [
        parse(pushed.body, pushed.headers)
        for data in _batches(folder, MANY)
        for batch in frames.feed(data)
        for _, pushed in batch
    ]
    for message in messages[:count]:
        fields = message.fields
        check_signature(key, fields["SignatureVersion"], fields["Signature"], text_to_sign(message.type, fields))


async def _made(database: Path) -> None:
    await (await SqliteInbox.open(database)).close()


def _batches(folder: Path, count: int) -> Any:
    return pickle.loads((folder / "frames.pickle").read_bytes())[: count // BATCH]


class Uncounted(Exception):
    """This machine does not count instructions."""


def counted(name: str, folder: Path, count: int) -> int:
    """Instructions of one run in a process of its own. Raises Uncounted."""
    part = [sys.executable, "-m", "bench.instructions", name, str(folder), str(count)]
    found = _by_processor(part)
    return _by_valgrind(part) if found is None else found


def _by_processor(command: list[str]) -> int | None:
    if shutil.which("perf") is None:
        return None
    for line in _said(["perf", "stat", "-x", ",", "-e", "instructions:u", *command]):
        value, _, rest = line.partition(",")
        if "instructions" in rest and value.isdigit():
            return int(value)
    return None


def _by_valgrind(command: list[str]) -> int:
    if shutil.which("valgrind") is None:
        raise Uncounted
    for line in _said(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]):
        _, found, value = line.partition("Collected :")
        if found:
            return int(value)
    raise Uncounted


def _said(command: list[str]) -> list[str]:
    """What a command wrote to its standard error. Exits where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")
    return done.stderr.splitlines()


def main(arguments: list[str] | None = None) -> None:
    """Count and print; exit 1 where a message costs more than --most allows."""
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("--most", type=int, default=MOST, help="thousands of instructions beside the verification")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-instructions-") as name:
        prepare(Path(name))
        try:
            costs = {part: _cost(part, Path(name)) for part in ("ingest", "verification")}
        except Uncounted:
            print("bench.instructions: skipped, neither perf nor valgrind counts here (Debian: linux-perf, valgrind)")
            return
    costs["beside it"] = costs["ingest"] - costs["verification"]
    for part, cost in costs.items():
        print(f"{part:14} {cost:7.0f} thousand instructions a message")
    if costs["beside it"] > options.most * ALLOWED:
        raise SystemExit(f"a message costs {costs['beside it']:.0f} thousand instructions, not {options.most}")


def _cost(part: str, folder: Path) -> float:
    """Thousands of instructions a message."""
    few, many = (counted(part, folder, count) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW) / 1000


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] in {"ingest", "verification"}:
        {"ingest": ingest, "verification": verification}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
