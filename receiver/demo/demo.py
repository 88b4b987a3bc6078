"""Running the demo: simulators and sink in this process, the daemon beside it, until all has arrived."""

import asyncio
import base64
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from receiver.demo.child import Addresses, Child
from receiver.demo.journeys import Journeys, Step, Verdict
from receiver.demo.rules import SECRET_VARIABLE, Surroundings, annotated_rules, demo_rules, push_path
from receiver.demo.spapi import environment, section, sellers, simulated_spapi
from receiver.simulators.errors import SimulationError
from receiver.simulators.sink import Sink
from receiver.simulators.sns.envelopes import Shape
from receiver.simulators.sns.examples import Example, load
from receiver.simulators.sns.identity import write_certificate
from receiver.simulators.sns.load import Pace
from receiver.simulators.sns.notifications import Seller
from receiver.simulators.sns.plan import Spec
from receiver.simulators.sns.sender import Policy, Sender
from receiver.simulators.sns.simulated import SimulatedSns
from receiver.simulators.sns.simulation import Simulation, simulate
from receiver.simulators.spapi import SimulatedSpapi
from receiver.simulators.webhooks import WebhookCheck

_PATIENCE = 30.0
_PATIENCE_ONCE_STOPPED = 5.0
_LOOK_AGAIN = 0.05
_REPEAT_WITHIN = 5
_FOLLOWED = "ORDER_CHANGE"
"""The type that makes the daemon call SP-API: it comes first, and oftener than the others."""
_FOLLOWED_TIMES = 4
_POLICY = Policy(retries=3, delay=1.0)


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo does."""

    count: int | None = None
    """How many notifications; None goes on until it is stopped."""
    rate: float | None = None
    """Pushes a second; None is as fast as it goes."""
    duplicates: float = 0.1
    """The share of notifications that comes a second time."""
    shape: Shape = Shape.MIXED
    seed: int | None = None
    directory: Path | None = None
    """Where rules file and inbox are kept; None is a temporary one that is removed at the end."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything is."""

    addresses: Addresses
    rules: Path
    sink: str
    signer: str
    spapi: str


@dataclass(frozen=True, slots=True)
class Audience:
    """Who follows: `open` hears where everything is, `tell` each step, `complain` what the daemon warns of."""

    open: Callable[[Scene], None]
    tell: Callable[[Step], None]
    complain: Callable[[str], None]


async def run(options: Options, audience: Audience, stop: asyncio.Event) -> Verdict:
    """Run until `count` notifications have arrived or `stop` is set. Raises SimulationError.

    Deliveries that are under way at the end are waited for; nothing this starts outlives it.
    """
    secret = "whsec_" + base64.b64encode(os.urandom(24)).decode()
    journeys = Journeys(audience.tell, time.time)
    sns = SimulatedSns(sender=Sender(_POLICY))
    sink = Sink(check=WebhookCheck(secret), watch=journeys.arrived, kept=1)
    spapi = simulated_spapi(journeys.called)
    with _directory(options.directory) as directory:
        async with sink, sns, spapi:
            rules = _write_rules(Path(directory), sns, sink, spapi)
            secrets = {SECRET_VARIABLE: secret, **environment(spapi)}
            async with _daemon(rules, secrets, audience.complain, stop) as child:
                scene = Scene(await child.ready(), rules, sink.url, sns.url, spapi.url)
                audience.open(scene)
                await simulate(sns, _simulation(options, scene, spapi), journeys.pushed, stop)
                await _settle(journeys, child, _PATIENCE_ONCE_STOPPED if stop.is_set() else _PATIENCE)
    if sink.refused:
        raise SimulationError(f"the sink refused webhooks: {dict(sink.refused)}")
    return journeys.verdict()


def _simulation(options: Options, scene: Scene, spapi: SimulatedSpapi) -> Simulation:
    path = push_path(scene.rules.read_text("utf-8"))
    return Simulation(
        endpoint=f"http://{scene.addresses.public}{path}",
        spec=_spec(options, load(), sellers(spapi)),
        pace=Pace(rate=options.rate),
        seed=options.seed,
    )


def _spec(options: Options, examples: Sequence[Example], sold_by: Sequence[Seller]) -> Spec:
    followed = tuple(example for example in examples if example.type == _FOLLOWED)
    return Spec(
        examples=(*examples, *followed * _FOLLOWED_TIMES),
        count=options.count,
        shape=options.shape,
        duplicates=options.duplicates,
        repeat_within=_REPEAT_WITHIN,
        sellers=sold_by,
        opening=followed,
    )


def _write_rules(directory: Path, sns: SimulatedSns, sink: Sink, spapi: SimulatedSpapi) -> Path:
    certificate, rules = directory / "sns.pem", directory / "rules.toml"
    write_certificate(certificate, sns.certificate)
    around = Surroundings(directory, sns.url, certificate, sns.topic, sink.url, section(spapi))
    try:
        rules.write_text(demo_rules(annotated_rules(), around), "utf-8")
    except OSError as error:
        raise SimulationError(f"{rules} cannot be written: {error.strerror}") from None
    return rules


@asynccontextmanager
async def _daemon(
    rules: Path, secrets: Mapping[str, str], complain: Callable[[str], None], stop: asyncio.Event
) -> AsyncIterator[Child]:
    """The daemon while the block runs. Where it ends by itself, `stop` is set and SimulationError raised after."""
    child = await Child.start(rules, secrets, complain)
    ended_early = asyncio.Event()

    def end_early(_task: asyncio.Task[int]) -> None:
        if not stop.is_set():
            ended_early.set()
            stop.set()

    watching = asyncio.create_task(child.ended())
    watching.add_done_callback(end_early)
    try:
        yield child
        if ended_early.is_set():
            raise child.failure("the daemon ended by itself")
    finally:
        watching.remove_done_callback(end_early)
        await child.stop()
        watching.cancel()


async def _settle(journeys: Journeys, child: Child, patience: float) -> None:
    """Wait until all that was taken has arrived, or nothing has for `patience` seconds, or the daemon has ended."""
    clock = asyncio.get_running_loop().time
    waiting, since = journeys.waiting, clock()
    while waiting and child.running and clock() - since < patience:
        await asyncio.sleep(_LOOK_AGAIN)
        if journeys.waiting != waiting:
            waiting, since = journeys.waiting, clock()


def _directory(given: Path | None) -> AbstractContextManager[str]:
    """The directory to work in, by its absolute name. Raises SimulationError."""
    try:
        if given is None:
            return tempfile.TemporaryDirectory(prefix="spapi-router-demo-", ignore_cleanup_errors=True)
        given.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SimulationError(f"{given or 'a temporary directory'} cannot be made: {error.strerror}") from None
    return nullcontext(str(given.resolve()))
