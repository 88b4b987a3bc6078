"""Fuzzing: `python -m tests.fuzz [TARGET…] --seconds N`, or `make fuzz SECONDS=n`.

Each target runs for N seconds, half of them over bytes and half over shapes, coverage-guided by atheris; without
atheris, or with `--engine hypothesis`, over shapes alone. Two run at a time. Ends with 1 where an oracle was
contradicted; the input is then named, and belongs into tests/fuzz/corpus/TARGET/ with the fault mended.
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz.target import CORPUS
from tests.fuzz.targets import NAMES, UNGUIDED

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".fuzz"
RUNS = WORK / "runs.jsonl"
_TRIED = re.compile(r"^stat::number_of_executed_units: *(\d+)", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")
_GRACE = 120


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one target and how it ended."""

    target: str
    way: str
    seconds: int
    inputs: int
    branches: int
    failed: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets and print the table."""
    options = _options(arguments)
    if options.totals:
        print("\n".join(table(_all_runs())))
        return 0
    guided = options.engine == "atheris" or (options.engine == "auto" and importlib.util.find_spec("atheris"))
    if not guided:
        print("without atheris: inputs are not guided by coverage (pip install -r tests/fuzz/requirements.txt)")
    jobs = [job for name in options.targets or NAMES for job in _jobs(name, options.seconds, bool(guided))]
    WORK.mkdir(exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(lambda job: run(*job), jobs))
    print("\n".join(table(runs)))
    return any(each.failed for each in runs)


def run(name: str, way: str, seconds: int) -> Run:
    """Run one target one way, and note it."""
    directory = WORK / name
    command = [sys.executable, "-m", "tests.fuzz.child", name, way, str(seconds), str(directory)]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + _GRACE, check=False)
    tried, covered = _TRIED.findall(done.stderr), _COVERED.findall(done.stderr)
    finished = Run(
        name,
        way,
        round(time.monotonic() - began),
        int(tried[-1]) if tried else 0,
        int(covered[-1]) if covered else 0,
        done.returncode != 0,
    )
    if finished.failed:
        print(f"{name} ({way}) failed; inputs found lie in {directory}:\n{_last(done.stdout + done.stderr)}")
    with RUNS.open("a") as file:
        file.write(json.dumps(asdict(finished)) + "\n")
    return finished


def table(runs: Sequence[Run]) -> Iterator[str]:
    """Runs by target, as a table in Markdown."""
    by_target: dict[str, list[Run]] = defaultdict(list)
    for each in runs:
        by_target[each.target].append(each)
    yield "| target | minutes | inputs tried | corpus in the tree | contradictions |"
    yield "| --- | --- | --- | --- | --- |"
    for name, found in sorted(by_target.items()):
        tried, minutes = sum(each.inputs for each in found), sum(each.seconds for each in found) / 60
        kept = len(list((CORPUS / name).iterdir()))
        yield f"| {name} | {minutes:.0f} | {tried:,} | {kept} | {sum(each.failed for each in found)} |"


def _jobs(name: str, seconds: int, guided: bool) -> list[tuple[str, str, int]]:
    if not guided or name in UNGUIDED:
        return [(name, "random", seconds)]
    return [(name, "bytes", seconds - seconds // 2), (name, "shapes", max(1, seconds // 2))]


def _all_runs() -> list[Run]:
    return [Run(**json.loads(line)) for line in RUNS.read_text().splitlines()]


def _last(words: str) -> str:
    return "\n".join(f"    {line}" for line in words.splitlines()[-40:])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="fuzz the daemon's parts")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all, if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (2)")
    parser.add_argument("--engine", choices=["auto", "atheris", "hypothesis"], default="auto")
    parser.add_argument(
        "--totals", action="store_true", help="print what all runs of this checkout tried, and run nothing"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"there is no target {', '.join(sorted(unknown))}: the targets are {', '.join(NAMES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
