"""`spapi-router demo`: watch notifications go from a simulated SNS through the daemon to a webhook."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from receiver.cli.output import table
from receiver.cli.written import RATE
from receiver.demo import Audience, Journey, Options, Scene, Step, Verdict, run
from receiver.simulators.sns import Shape
from receiver.simulators.sns.plan import Repeat
from receiver.simulators.sns.report import quantile

_USUAL_RATE = 1.0
_RATE_OF_A_COUNT = 20.0
_INTERRUPTED = 130
_TYPE_WIDTH = 36
_MOST_NAMED = 10
_AGAIN = {Repeat.SNS: "sent again by SNS", Repeat.SPAPI: "sent again by SP-API"}


@click.command()
@click.option("--count", type=click.IntRange(1, 1_000_000), help="Stop after so many notifications.")
@click.option("--rate", type=RATE, help="At most so many pushes.  [default: 1/s; with --count 20/s]")
@click.option(
    "--duplicates",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    metavar="P",
    help="Share of notifications sent a second time.",
)
@click.option(
    "--shape",
    type=click.Choice(Shape, case_sensitive=False),
    default="mixed",
    show_default=True,
    help="What SNS messages hold: the notification, an EventBridge event or an SQS record around it.",
)
@click.option("--seed", type=int, help="Send the same again: same ids, same order.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="PATH",
    help="Keep rules file and inbox here.  [default: a temporary directory, removed at the end]",
)
def command(**options: Any) -> None:
    """Show the whole way on this machine, without an AWS account.

    A simulated SNS pushes signed notifications to a daemon, which proves them, keeps them once and forwards them by
    the annotated rules.toml to a webhook. For a changed order it fetches the order from a stand-in for SP-API first.
    Each line is one notification's way. Ctrl-C ends it; with --count it ends by itself, with exit status 0 only if
    every notification arrived exactly once.
    """
    chosen = Options(**options)
    if chosen.rate is None:
        chosen = replace(chosen, rate=_RATE_OF_A_COUNT if chosen.count else _USUAL_RATE)
    verdict, interrupted = asyncio.run(_run(chosen))
    _print_verdict(verdict)
    if interrupted:
        sys.exit(_INTERRUPTED if chosen.count else int(verdict.more > 0))
    sys.exit(0 if verdict.good and verdict.notifications >= (chosen.count or 0) else 1)


async def _run(options: Options) -> tuple[Verdict, bool]:
    """Run until it ends or a signal comes: the verdict, and whether a signal came."""
    stop, interrupted = asyncio.Event(), asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    printer = _Printer(stop)
    audience = Audience(
        open=lambda scene: printer.say(_scene(scene)),
        tell=lambda step: printer.say(_line(step)),
        complain=lambda line: click.echo(f"daemon: {line}", err=True),
    )
    return await run(options, audience, stop), interrupted.is_set()


class _Printer:
    """Prints until nobody reads any more (`demo | head`), which ends the demo as a signal would."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def say(self, text: str) -> None:
        try:
            click.echo(text)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._stop.set()


def _scene(scene: Scene) -> str:
    return (
        f"simulated SNS     {scene.signer}\n"
        f"simulated SP-API  {scene.spapi}\n"
        f"daemon            http://{scene.addresses.public}, admin http://{scene.addresses.admin}\n"
        f"webhook sink      {scene.sink}\n"
        f"rules file        {scene.rules}\n"
        f"look closer       spapi-router inbox list --config {scene.rules}\n\n"
        "Each line: when, type, id, push -> answer -> calls to SP-API -> arrival at the sink. Ctrl-C ends it.\n"
    )


def _line(step: Step) -> str:
    now = datetime.now().astimezone().isoformat(sep=" ", timespec="milliseconds")[11:23]
    return f"{now}  {step.journey.type.ljust(_TYPE_WIDTH)}  {step.journey.id[:8]}  {_way(step)}"


def _way(step: Step) -> str:
    """What happened, as words."""
    answer, journey = step.answer, step.journey
    answered = f"{answer.label} in {_ms(answer.seconds)}" if answer else "no answer"
    if answer and not answer.taken:
        return f"pushed -> {answered}, given up after {answer.attempts} tries"
    if step.planned is not None:
        again = _AGAIN[step.planned.repeat] if step.planned.repeat else "pushed"
        return f"{again} -> {answered}, known already"
    places = ", ".join(sorted(journey.arrivals))
    since = _ms((journey.arrived or 0.0) - journey.began)
    return f"pushed -> {answered} -> {_call(journey)}delivered to {places} in {since}"


def _call(journey: Journey) -> str:
    """The call on the way, as words; empty where there was none."""
    if journey.call is None:
        return ""
    called = journey.call.operation.rpartition(".")[2]
    return f"{called} {journey.call.status}, {journey.items} item{'' if journey.items == 1 else 's'} -> "


def _print_verdict(verdict: Verdict) -> None:
    click.echo()
    table(["latency", "p50", "p99", "max"], _latencies(verdict))
    click.echo()
    for (operation, status), count in sorted(verdict.calls.items()):
        click.echo(f"{count} {'call' if count == 1 else 'calls'} of {operation} answered {status}")
    click.echo(
        f"{verdict.notifications} notifications in {verdict.pushes} pushes, {verdict.repeats} of them repeats: "
        f"{verdict.once} arrived exactly once, {verdict.more} more than once, {len(verdict.missing)} not at all, "
        f"{verdict.not_taken} pushes were not taken"
    )
    for notification_id in verdict.missing[:_MOST_NAMED]:
        click.echo(f"taken, and still in the inbox when the daemon ended: {notification_id}", err=True)


def _latencies(verdict: Verdict) -> list[list[str]]:
    return [
        [name, *(_ms(quantile(ordered, share)) for share in (0.5, 0.99, 1.0))]
        for name, ordered in (
            ("push to answer", sorted(verdict.answered)),
            ("push to sink", sorted(verdict.delivered)),
        )
        if ordered
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
