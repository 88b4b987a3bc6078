"""The table of attacks as documentation: `python -m tests.attacks` prints it, `--write` puts it into docs/.

docs/attacks.md has every row, docs/reliability.md a line for each kind.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.attacks.row import Kind, Row
from tests.attacks.table import KINDS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "attacks.md"
SUMMARY = DOCS / "reliability.md"
BEGIN = "<!-- begin of what `python -m tests.attacks --write` makes -->"
END = "<!-- end of what `python -m tests.attacks --write` makes -->"
_MOST_ANSWERS = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Print or write."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description="the table of attacks")
    parser.add_argument("--write", action="store_true", help="write docs/attacks.md and the section of reliability.md")
    if parser.parse_args(arguments).write:
        PAGE.write_text(page(), "utf-8")
        SUMMARY.write_text(with_summary(SUMMARY.read_text("utf-8")), "utf-8")
    else:
        print(page())
    return 0


def page() -> str:
    """Every row, by kind."""
    return "\n".join(_page()) + "\n"


def with_summary(text: str) -> str:
    """A page with the part between the marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(_summary()) + f"\n\n{END}{after}"


def _page() -> Iterator[str]:
    rows = sum(len(kind.rows) for kind in KINDS)
    yield "# Attacks"
    yield ""
    yield f"{rows} hostile inputs, each sent to the running daemon over a real socket, and the right answer to each."
    yield "`pytest tests/attacks` tries every row; [Reliability](reliability.md#attacks) says how, and what must not"
    yield "happen whatever the row. This page is made by `python -m tests.attacks --write`."
    for kind in KINDS:
        yield ""
        yield f"## {kind.name[0].upper()}{kind.name[1:]}"
        yield ""
        yield f"{kind.about[0].upper()}{kind.about[1:]}."
        yield ""
        yield "| what is sent | answer | requests to Amazon |"
        yield "| --- | --- | --- |"
        yield from map(_line, kind.rows)


def _line(row: Row) -> str:
    answer = f"{row.answer}, remembered as {row.state}" if row.state else row.answer
    slow = " (*slow*)" if row.slow else ""
    return f"| {_escaped(row.name)}{slow} | {_escaped(answer)} | {row.fetches or ''} |"


def _summary() -> Iterator[str]:
    yield "| attacked | how | rows | answers |"
    yield "| --- | --- | --- | --- |"
    for kind in KINDS:
        yield f"| {kind.name} | {kind.about} | {len(kind.rows)} | {_answers(kind)} |"
    yield f"| **all** | | **{sum(len(kind.rows) for kind in KINDS)}** | |"


def _answers(kind: Kind) -> str:
    counted = Counter(row.answer for row in kind.rows).most_common()
    told = [f"{answer} ({count})" for answer, count in counted[:_MOST_ANSWERS]]
    return _escaped("; ".join(told + (["…"] if len(counted) > _MOST_ANSWERS else [])))


def _escaped(text: str) -> str:
    """The text as it stands in a cell of a Markdown table."""
    for character in "\\`*_<>[]{}$|":
        text = text.replace(character, f"\\{character}")
    return text


if __name__ == "__main__":
    sys.exit(main())
