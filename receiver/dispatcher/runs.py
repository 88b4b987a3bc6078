"""The runs of one lane: attempts in flight, each a task of its own that ends in a verdict whatever happens in it."""

import asyncio
from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

from handlers.base import Dead, Outcome, Retry
from receiver.dispatcher.breaker import Ticket
from receiver.dispatcher.claims import Unreadable, delivery_of, is_internal, seller_of
from receiver.dispatcher.settings import LaneSettings
from receiver.dispatcher.worker import Worker
from receiver.inbox.store import Claim

Held = tuple[int, int]
"""A delivery and its run."""


def held(claim: Claim) -> Held:
    """What names a claim to the inbox."""
    return claim.id, claim.run


class Run(NamedTuple):
    """A claim being worked on, by the settings of the time it started."""

    claim: Claim
    worker: Worker
    settings: LaneSettings
    ticket: Ticket
    started_at: float


class Verdict(NamedTuple):
    """What a run came to."""

    outcome: Outcome | None
    """None where it was cancelled."""
    internal: bool = False
    """The notification is one of the daemon's own."""
    crash: BaseException | None = None
    """A fault of this program's, not of the handler's."""
    seller: str = ""
    """Whose notification it is, empty where it names none."""


class Runs:
    """Attempts in flight. `ended` is called once for each, from the event loop."""

    def __init__(self, ended: Callable[[Run, Verdict], None]) -> None:
        self._ended = ended
        self._tasks: dict[Held, asyncio.Task[Verdict]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def held(self) -> Collection[Held]:
        """What is running."""
        return self._tasks.keys()

    def start(self, run: Run) -> None:
        """Run an attempt."""
        name = f"delivery {run.claim.id} to {run.worker.name}"
        task = asyncio.get_running_loop().create_task(_attempt(run), name=name)
        self._tasks[held(run.claim)] = task
        task.add_done_callback(partial(self._end, run))

    def cancel(self, which: Collection[Held] | None = None) -> None:
        """Cancel these runs, all of them where None."""
        for name, task in self._tasks.items():
            if which is None or name in which:
                task.cancel()

    def _end(self, run: Run, task: asyncio.Task[Verdict]) -> None:
        del self._tasks[held(run.claim)]
        self._ended(run, _verdict(task))


async def _attempt(run: Run) -> Verdict:
    try:
        delivery = delivery_of(run.claim)
    except Unreadable as error:
        return Verdict(Dead(str(error)), internal=True)
    if run.claim.attempt > run.settings.retry.attempts:
        return Verdict(Dead(_spent(run)), is_internal(delivery))
    outcome = await run.worker.attempt(delivery, run.settings.timeout)
    return Verdict(outcome, is_internal(delivery), seller=seller_of(delivery))


def _spent(run: Run) -> str:
    """Why a delivery is not tried again. Only attempts that were lost leave one with none: others are judged."""
    attempts = run.settings.retry.attempts
    return (
        f"not tried again: its {attempts} attempt{'s are' if attempts > 1 else ' is'} spent, and the last one never "
        "ended: the daemon ended during it (does this handler bring it down?), or its lease ran out"
    )


def _verdict(task: asyncio.Task[Verdict]) -> Verdict:
    if task.cancelled():
        return Verdict(None)
    crash = task.exception()
    if crash is None:
        return task.result()
    return Verdict(Retry(f"the attempt crashed: {type(crash).__name__}: {crash}"), internal=True, crash=crash)
