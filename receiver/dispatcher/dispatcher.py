"""The dispatcher: a lane for each handler, started, replaced and stopped together."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from receiver.dispatcher.breaker import BreakerState
from receiver.dispatcher.context import LaneContext
from receiver.dispatcher.lane import BREAKER_NOTE, Lane
from receiver.dispatcher.leases import LeaseKeeper
from receiver.dispatcher.observer import Observer, Unobserved
from receiver.dispatcher.recorder import Recorder
from receiver.dispatcher.reporter import Emit, Reporter
from receiver.dispatcher.retry import Draw
from receiver.dispatcher.settings import Lanes
from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.dispatcher.worker import Worker
from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox.store import Claim, Inbox
from receiver.watch import Watch

_LOGGER = logging.getLogger(__name__)
_CANCEL_LIMIT = 1.0
_END_LIMIT = 3.0


class Dispatcher:
    """Runs the due deliveries of an inbox through their handlers and records every outcome.

    `start` once, then `wake` after each commit that added deliveries, `replace` on a reload, `stop` once. Deliveries of
    a handler without a lane stay waiting.
    """

    def __init__(  # noqa: PLR0913 - the seams that tests and the daemon need
        self,
        inbox: Inbox,
        lanes: Lanes,
        *,
        clock: Callable[[], float] = time.time,
        emit: Emit = lambda _type, _payload: None,
        observer: Observer | None = None,
        draw: Draw = random.random,
        lease: float = 60.0,
        recheck: float = 1.0,
        logger: logging.Logger = _LOGGER,
    ) -> None:
        """`clock` gives seconds since the epoch, `emit` raises internal notifications (`router.*`).

        `lease` is how many seconds a delivery stays reserved without a sign of life, `recheck` after how many to look
        for work that another process has added.
        """
        self._inbox = inbox
        self._first = lanes
        self._emit = emit
        self._observer = observer or Unobserved()
        self._log = logger
        self._watch = Watch(logger)
        self._recorder = Recorder(inbox, self.wake, logger)
        self._context = LaneContext(inbox, self._recorder, clock, draw, lease, recheck, logger)
        self._leases = LeaseKeeper(
            inbox, self._held, lost=self._lose, recovered=self._wake_all, clock=clock, lease=lease, logger=logger
        )
        self._lanes: dict[str, Lane] = {}
        self._leaving: set[Lane] = set()
        self._changing = asyncio.Lock()
        self._stopping = False

    async def start(self) -> None:
        """Start all handlers or none, take up what the last run left, and begin. Raises StartError, Unavailable."""
        workers = await self._start_workers(self._first)
        try:
            await self._leases.recover()
            states = await self._breaker_states()
        except BaseException:
            await self._close_all(workers.values())
            raise
        self._watch.keep("recorder", self._recorder.run)
        self._watch.keep("leases", self._leases.run)
        self._watch.keep("changes from elsewhere", self._follow_changes)
        self._install(self._first, workers, states)

    def wake(self, handlers: Iterable[str]) -> None:
        """Deliveries were added for these handlers; unknown names are left alone."""
        for name in handlers:
            if lane := self._lanes.get(name):
                lane.wake()

    def expect(self) -> None:
        """Hand out what a push brings in the very transaction that keeps it, to lanes that would start it at once.

        To be called right after the inbox took the order to keep it; `wake` is called as ever once it is kept.
        """
        limits = {name: room for name, lane in self._lanes.items() if (room := lane.offer())}
        if not limits:
            return
        asked = self._inbox.claim_fresh(limits, self._context.clock(), self._context.lease)
        for name, room in limits.items():
            self._lanes[name].expect(room)
        self._watch.once("deliveries with their push", self._receive([self._lanes[name] for name in limits], asked))

    async def replace(self, lanes: Lanes) -> None:
        """Take other handlers and settings, all or nothing. Raises StartError, and the running ones go on.

        A handler that stays runs its next deliveries by its new settings; what runs already ends by the old ones. A
        handler that is gone ends what runs, and the rest of its deliveries stays waiting.
        """
        async with self._changing:
            workers = await self._start_workers(lanes)
            if self._stopping:
                await self._close_all(workers.values())
                return
            self._install(lanes, workers, {})
            for name in self._lanes.keys() - lanes.keys():
                lane = self._lanes.pop(name)
                self._leaving.add(lane)
                self._watch.once(f"end of {name}", self._end(lane))

    async def stop(self, grace: float) -> None:
        """End within `grace` seconds and a few more: claim nothing, let what runs end, hand back what does not."""
        self._stopping = True
        leaving = self._everyone()
        for lane in leaving:
            lane.stop()
        if not await self._quiet(leaving, grace):
            for lane in leaving:
                lane.cancel()
            if not await self._quiet(leaving, _CANCEL_LIMIT):
                held = sum(len(lane.held()) for lane in leaving)
                log(self._log, logging.WARNING, "deliveries_left_leased", deliveries=held)
        await self._close_all(lane.worker for lane in self._lanes.values())
        self._lanes.clear()
        await self._watch.end(_END_LIMIT)

    @property
    def is_idle(self) -> bool:
        """Whether no delivery is running now."""
        return not any(lane.running for lane in self._lanes.values())

    def snapshot(self) -> dict[str, LaneSnapshot]:
        """How each handler's lane stands now."""
        return {name: lane.snapshot() for name, lane in self._lanes.items()}

    @staticmethod
    async def _receive(lanes: Sequence[Lane], asked: Awaitable[list[Claim]]) -> None:
        claims: list[Claim] = []

        def share(lane: Lane) -> None:
            lane.receive([claim for claim in claims if claim.handler == lane.name])

        with contextlib.ExitStack() as shares:  # each lane is told, whatever befalls another
            for lane in lanes:
                shares.callback(share, lane)
            with contextlib.suppress(Unavailable):  # so was the push: nothing came
                claims += await asked

    async def _start_workers(self, lanes: Lanes) -> dict[str, Worker]:
        workers = {name: Worker(name, spec.handler, self._log) for name, spec in lanes.items()}
        started: list[Worker] = []
        try:
            for worker in workers.values():
                started.append(worker)
                await worker.start()
        except BaseException:
            await self._close_all(started)
            raise
        return workers

    def _install(self, lanes: Lanes, workers: dict[str, Worker], states: dict[str, BreakerState]) -> None:
        for name, spec in lanes.items():
            if lane := self._lanes.get(name):
                before = lane.adopt(workers[name], spec.settings)
                self._watch.once(f"close of {name}", before.close())
                continue
            reporter = Reporter(name, self._emit, self._observer, self._log)
            lane = Lane(workers[name], spec.settings, reporter, self._context, states.get(name))
            self._lanes[name] = lane
            self._watch.keep(f"lane of {name}", lane.run)

    async def _end(self, lane: Lane) -> None:
        lane.stop()
        try:
            await lane.quiet()
            await lane.worker.close()
        finally:
            self._leaving.discard(lane)

    async def _quiet(self, lanes: Iterable[Lane], seconds: float) -> bool:
        waits = [self._watch.once(f"quiet {lane.name}", lane.quiet()) for lane in lanes]
        if not waits:
            return True
        _, pending = await asyncio.wait(waits, timeout=seconds)
        for task in pending:
            task.cancel()
        return not pending

    async def _close_all(self, workers: Iterable[Worker]) -> None:
        closings = [self._watch.once(f"close of {worker.name}", worker.close()) for worker in workers]
        if closings:
            _, pending = await asyncio.wait(closings, timeout=_END_LIMIT)
            for task in pending:
                task.cancel()

    async def _breaker_states(self) -> dict[str, BreakerState]:
        states = {}
        for name, note in (await self._inbox.notes(BREAKER_NOTE)).items():
            try:
                states[name.removeprefix(BREAKER_NOTE)] = BreakerState.decode(note)
            except ValueError as error:
                log(self._log, logging.WARNING, "breaker_note_ignored", note=name, reason=str(error))
        return states

    async def _follow_changes(self) -> None:
        """Look for work again where a command line has replayed or added some."""
        known = False
        while True:
            with contextlib.suppress(Unavailable):
                if await self._inbox.changed_elsewhere() or not known:
                    self._wake_all()
                known = True
            await asyncio.sleep(self._context.recheck)

    def _wake_all(self) -> None:
        self.wake(tuple(self._lanes))

    def _everyone(self) -> tuple[Lane, ...]:
        return (*self._lanes.values(), *self._leaving)

    def _held(self) -> list[tuple[int, int]]:
        return [held for lane in self._everyone() for held in lane.held()]

    def _lose(self, held: Iterable[tuple[int, int]]) -> None:
        lost = frozenset(held)
        for lane in self._everyone() if lost else ():
            lane.lose(lost)
