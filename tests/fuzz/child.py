"""One run of one target, as a process of its own: `python -m tests.fuzz.child TARGET WAY SECONDS DIRECTORY`.

WAY is `bytes` (coverage-guided mutation of bytes), `shapes` (coverage-guided choices of the target's hypothesis
strategy) or `random` (the strategy alone, without atheris). What contradicts the oracle is kept in DIRECTORY.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.target import CORPUS, Target
from tests.fuzz.targets import target

_BATCH = 1000
_OUTER = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.generate,),
}


def main() -> None:
    """Run it; exits with a failure where the oracle is contradicted."""
    name, way, seconds, directory = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    directory.mkdir(parents=True, exist_ok=True)
    if way == "random":
        _random(target(name), seconds, directory)
    else:
        _guided(name, way, seconds, directory)


def _keeping(check: Callable[[bytes], None], directory: Path) -> Callable[[bytes], None]:
    """The check, that writes an input down when it fails."""

    def checked(data: bytes) -> None:
        try:
            check(data)
        except BaseException:
            (directory / f"found-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)
            raise

    return checked


def _guided(name: str, way: str, seconds: int, directory: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["receiver", "handlers"]):
        found = target(name)
    checked = _keeping(found.check, directory)
    if way == "shapes":
        checked = settings(**_OUTER)(given(found.inputs)(checked)).hypothesis.fuzz_one_input
    words = directory / "words"
    words.write_text("".join(f'"{_quoted(word)}"\n' for word in found.words))
    kept = directory / way
    kept.mkdir(exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=300",
        "-rss_limit_mb=3000",
        "-print_final_stats=1",
        "-max_len=8192",
    ]
    corpora = [kept, CORPUS / name] if way == "bytes" else [kept]
    names = [f"-dict={words}"] if way == "bytes" else []
    atheris.Setup([sys.argv[0], *options, *names, f"-artifact_prefix={directory}/", *map(str, corpora)], checked)
    atheris.Fuzz()


def _quoted(word: str) -> str:
    """A word as libFuzzer's dictionaries write it."""
    return "".join(f"\\x{byte:02x}" if byte in b'\\"' or not 32 <= byte < 127 else chr(byte) for byte in word.encode())


def _random(found: Target, seconds: int, directory: Path) -> None:
    checked = _keeping(found.check, directory)
    ends, count = time.monotonic() + seconds, 0

    def counted(data: bytes) -> None:
        nonlocal count
        count += 1
        if time.monotonic() < ends:
            checked(data)

    batch: Any = settings(max_examples=_BATCH, **_OUTER)(given(found.inputs)(counted))
    beginning = time.time_ns()
    try:
        while time.monotonic() < ends:
            seed(beginning + count)(batch)()
    finally:
        found.close()
        print(f"stat::number_of_executed_units: {count}", file=sys.stderr)


if __name__ == "__main__":
    main()
