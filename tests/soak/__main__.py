"""Soaks the daemon and judges it: `python -m tests.soak [--minutes 30] [--rate 50] [--plot docs/soak.png]`.

Exit status 0 where nothing was lost and everything stayed flat, 1 where not.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.soak.soak import Outcome, Soak


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N", help="how long (default: 30)")
    parser.add_argument("--rate", type=float, default=50.0, metavar="N", help="messages a second (default: 50)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a PNG; needs matplotlib")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="where the records stay (default: nowhere)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), metavar="N")
    given = parser.parse_args(arguments)
    if given.plot:
        import tests.soak.plot  # noqa: F401 - to miss matplotlib now, not at the end
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        directory = given.keep or Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        soak = Soak(directory, given.minutes * 60, given.rate, given.seed)
        outcome = asyncio.run(soak.run(lambda text: print(text, flush=True)))
    print_outcome(outcome)
    if given.plot:
        from tests.soak.plot import draw

        draw(outcome.samples, outcome.troubles, given.minutes * 60, given.plot)
    return 0 if outcome.passed else 1


def print_outcome(outcome: Outcome) -> None:
    """Print the figures."""
    print(outcome.report)
    for each in outcome.trends:
        print(each)


if __name__ == "__main__":
    sys.exit(main())
