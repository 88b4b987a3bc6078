"""`spapi-router simulate sns`: signed pushes to an endpoint, and a table of what it answered."""

import asyncio
import signal
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from receiver.cli.output import json_line, on_terminal, table
from receiver.cli.written import DURATION, RATE
from receiver.simulators.errors import SimulationError
from receiver.simulators.sns.envelopes import Shape
from receiver.simulators.sns.examples import load, of_types
from receiver.simulators.sns.flavour import Flavour
from receiver.simulators.sns.identity import kept_authority, write_certificate
from receiver.simulators.sns.load import Pace
from receiver.simulators.sns.plan import Planned, Spec
from receiver.simulators.sns.report import Summary
from receiver.simulators.sns.sender import Answer, Policy, Sender
from receiver.simulators.sns.simulated import TOPIC, SimulatedSns, new_authority
from receiver.simulators.sns.simulation import Simulation, simulate
from receiver.simulators.sns.target import check_target

_INTERRUPTED = 130
_RETRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line's options; see its help."""

    to: str
    count: int
    rate: float | None
    types: str
    duplicates: float
    shape: Shape
    concurrency: int
    retry: bool
    retry_delay: float
    seed: int | None
    topic: str
    signature_version: str
    flavour: Flavour
    listen: str
    url: str | None
    within: float
    confirmation: bool
    keep: Path | None
    write_certificate: Path | None
    cacert: Path | None
    allow_remote: bool
    as_json: bool

    def simulation(self) -> Simulation:
        """What to send. Raises SimulationError."""
        if self.flavour is Flavour.LOCALSTACK and not self.confirmation:
            raise SimulationError("LocalStack sends nothing before it is confirmed: leave --no-confirmation out")
        types = [name.strip() for name in self.types.split(",") if name.strip()]
        examples = of_types(load(), types)
        return Simulation(
            endpoint=check_target(self.to, allow_remote=self.allow_remote),
            spec=Spec(examples, self.count, self.shape, self.duplicates),
            pace=Pace(self.concurrency, self.rate),
            seed=self.seed,
            confirm_within=self.within if self.confirmation else None,
        )

    def sns(self) -> SimulatedSns:
        """The stand-in that sends it. Raises SimulationError."""
        policy = Policy(retries=_RETRIES, delay=self.retry_delay) if self.retry else Policy()
        return SimulatedSns(
            topic=self.topic,
            flavour=self.flavour,
            signature_version=self.signature_version,
            authority=kept_authority(self.keep, self.flavour) if self.keep else new_authority(self.flavour),
            listen=self.listen,
            url=self.url and self.url.rstrip("/") + "/",
            sender=Sender(policy, _trust(self.cacert)),
        )


@click.command()
@click.option("--to", metavar="URL", required=True, help="The endpoint to push to.")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Notifications.")
@click.option("--rate", type=RATE, help="At most so many pushes, e.g. 20/s. Default: no limit.")
@click.option(
    "--types", metavar="A,B", default="", help="Notification types. Default: all that Amazon has examples of."
)
@click.option("--duplicates", type=click.FloatRange(0, 1), default=0.0, metavar="P", help="Share sent a second time.")
@click.option(
    "--shape",
    type=click.Choice(Shape, case_sensitive=False),
    default="plain",
    show_default=True,
    help="What the SNS message holds: the notification, an EventBridge event or an SQS record around it.",
)
@click.option("--concurrency", type=click.IntRange(1, 1024), default=16, show_default=True, help="Pushes at once.")
@click.option("--retry", is_flag=True, help=f"Try failed pushes again as SNS does, {_RETRIES} times.")
@click.option(
    "--retry-delay",
    type=DURATION,
    default="1s",
    show_default=True,
    help="Time between those tries; SNS itself waits 20s.",
)
@click.option("--seed", type=int, help="Send the same again: same ids, same order.")
@click.option("--topic", metavar="ARN", default=TOPIC, show_default=True, help="The topic that the messages come from.")
@click.option(
    "--signature-version",
    type=click.Choice(["1", "2"]),
    default="1",
    show_default=True,
    help="Sign with SHA-1 (1) or SHA-256 (2).",
)
@click.option(
    "--flavour",
    type=click.Choice(Flavour, case_sensitive=False),
    default="aws",
    show_default=True,
    help="Whose habits to have.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:0",
    show_default=True,
    help="Where certificate and confirmation are served; port 0 takes a free one.",
)
@click.option("--url", metavar="URL", help="Where the receiver reaches that, if not at --listen.")
@click.option(
    "--within",
    type=DURATION,
    default="10s",
    show_default=True,
    help="Time that the endpoint has to confirm its subscription.",
)
@click.option("--confirmation/--no-confirmation", default=True, help="Whether to begin with a confirmation.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Keep the signing key in this file and use it again, so that the rules file holds for the next run.",
)
@click.option(
    "--write-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Write the signing certificate (PEM) for the receiver.",
)
@click.option(
    "--cacert",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="PATH",
    help="Trust an https endpoint under these authorities (PEM) instead of the system's.",
)
@click.option("--allow-remote", is_flag=True, help="Allow an endpoint that is not on this machine.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object instead of tables.")
def command(**options: Any) -> None:
    """Push signed example notifications to an endpoint, as Amazon SNS does.

    First comes the subscription's confirmation; the endpoint must confirm it. Then notifications with fresh ids are
    sent, and a table says what was answered, and how fast. Exit status 0 only if everything was taken (2xx).

    To make spapi-router accept the messages, keep key and port from run to run and name them in rules.toml:

    \b
        spapi-router simulate sns --to http://127.0.0.1:8080/sns --listen 127.0.0.1:4599 \\
            --keep sns.key --write-certificate sns.pem
    """  # noqa: D301 - click's mark for text that keeps its lines
    chosen = _Options(**options)
    try:
        simulation, sns = chosen.simulation(), chosen.sns()
    except SimulationError as error:
        raise click.UsageError(str(error)) from None
    summary, interrupted = asyncio.run(_run(sns, simulation, chosen))
    if summary:
        _print(summary, chosen.as_json)
    if interrupted:
        sys.exit(_INTERRUPTED)
    sys.exit(0 if summary and summary.complete else 1)


async def _run(sns: SimulatedSns, simulation: Simulation, options: _Options) -> tuple[Summary | None, bool]:
    """Run until it ends or a signal comes: the figures, and whether a signal came."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with sns:
        click.echo(_signer(sns, options.write_certificate), err=True)
        with _progress(simulation.spec.total or 0) as watch:
            return await simulate(sns, simulation, watch, stop), stop.is_set()


def _signer(sns: SimulatedSns, certificate: Path | None) -> str:
    """The lines for spapi-router's rules.toml, the certificate written where they say."""
    if certificate:
        write_certificate(certificate, sns.certificate)
    lines = sns.signer(str(certificate.resolve()) if certificate else "PATH")
    return lines if certificate else f"# --write-certificate PATH writes the certificate\n{lines}"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Planned, Answer], None]]:
    """A bar on a terminal, nothing in a pipe."""
    if not on_terminal():
        yield lambda _planned, _answer: None
        return
    steps = max(1, total // 200)
    with click.progressbar(
        range(total), label="pushing", file=sys.stderr, show_pos=True, update_min_steps=steps
    ) as bar:
        yield lambda _planned, _answer: bar.update(1)


def _print(summary: Summary, as_json: bool) -> None:
    if as_json:
        json_line(summary.record())
        return
    table(["answer", "count"], summary.answers.items())
    if summary.latencies:
        click.echo()
        table(["latency", "ms"], ((name, f"{value:.1f}") for name, value in summary.latencies.items()))
    click.echo(
        f"\n{summary.sent} sent in {summary.seconds:.1f} s, {summary.taken} taken; "
        f"{summary.repeats} were repeats, {summary.retries} tries were retries"
    )


def _trust(authorities: Path | None) -> ssl.SSLContext | None:
    if authorities is None:
        return None
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise SimulationError(f"--cacert {authorities}: no certificates in PEM: {error}") from None
