"""`spapi-router doctor`: what stops notifications from arriving and calls from working, each with its cure."""

import asyncio
import os
import sys
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlsplit

import click

from receiver.cli.options import config_option
from receiver.cli.output import json_line
from receiver.doctor import Result, Verdict, examine
from receiver.doctor.examination import Orders
from receiver.doctor.patient import Ways
from receiver.doctor.probe import Probe
from receiver.escapes import escaped

_COLOURS = {Verdict.OK: "green", Verdict.SKIPPED: "bright_black", Verdict.WARNING: "yellow", Verdict.FINDING: "red"}
_NAME_WIDTH = 17


@click.command("doctor")
@click.option(
    "--url", default="", metavar="URL", help="The URL that is subscribed to the topic: look at it as SNS does."
)
@click.option("--offline", is_flag=True, help="Look at this machine alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a result.")
@config_option
def command(url: str, offline: bool, as_json: bool, config: Path) -> None:
    """Look for everything that stops notifications from arriving, and say what to do about it.

    Mends nothing. Exit 1 where something was found; warnings and what could not be looked at are no findings.
    Run it as root to see with the daemon's eyes.
    """
    if url and urlsplit(url).scheme not in {"http", "https"}:
        raise click.UsageError(f"{url!r} is not a URL: write it like https://sns.example.com/sns")
    orders = Orders(config, Ways(Probe(), url=url), dict(os.environ), offline)
    counts = asyncio.run(_examined(orders, as_json))
    if not as_json:
        click.echo(_summary(counts))
    sys.exit(1 if counts[Verdict.FINDING] else 0)


async def _examined(orders: Orders, as_json: bool) -> Counter[Verdict]:
    counts: Counter[Verdict] = Counter()
    async with aclosing(examine(orders)) as results:
        async for name, result in results:
            counts[result.verdict] += 1
            if as_json:
                cure = result.cure or None
                json_line({"check": name, "verdict": result.verdict, "detail": result.detail, "cure": cure})
            else:
                _show(name, result)
    return counts


def _show(name: str, result: Result) -> None:
    """One line, and one for the cure. Colour for terminals, unless NO_COLOR asks for none."""
    verdict = f"{result.verdict:<8}"
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        verdict = click.style(verdict, fg=_COLOURS[result.verdict], bold=result.verdict is Verdict.FINDING)
    click.echo(f"{verdict} {name:<{_NAME_WIDTH}} {_line(result.detail)}")
    if result.cure:
        click.echo(f"{'':<8} {'':<{_NAME_WIDTH}} -> {_line(result.cure)}")


def _line(text: str) -> str:
    """A text as one harmless line: some of it came from strangers."""
    return escaped(" ".join(text.split()))


def _summary(counts: Counter[Verdict]) -> str:
    found, doubtful = counts[Verdict.FINDING], counts[Verdict.WARNING]
    if not found and not doubtful:
        return "\nnothing found"
    findings = f"{found} finding{'' if found == 1 else 's'}"
    return f"\n{findings}, {doubtful} warning{'' if doubtful == 1 else 's'}"
