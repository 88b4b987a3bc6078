"""The lane of one handler: claims its due deliveries, runs them, and hands their results to the recorder."""

import asyncio
import math
from collections import deque
from collections.abc import Collection, Sequence

from receiver.dispatcher.breaker import BreakerState, Phase
from receiver.dispatcher.context import LaneContext
from receiver.dispatcher.gate import Gate
from receiver.dispatcher.outcomes import Ended, judge, released
from receiver.dispatcher.pace import HORIZON, Pace
from receiver.dispatcher.reporter import Reporter
from receiver.dispatcher.runs import Held, Run, Runs, Verdict, held
from receiver.dispatcher.settings import LaneSettings
from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.dispatcher.worker import Worker
from receiver.errors import Unavailable
from receiver.inbox.store import Claim, State

BREAKER_NOTE = "breaker/"
"""Where the inbox keeps the state of a handler's breaker, with the handler's name after it."""

_MOST_UNRECORDED = 256
_LONGEST_PAUSE = 30.0


class Lane:
    """One handler's deliveries. It holds no more of them than run, are about to, or wait to be recorded."""

    def __init__(
        self,
        worker: Worker,
        settings: LaneSettings,
        reporter: Reporter,
        context: LaneContext,
        state: BreakerState | None = None,
    ) -> None:
        self.name = worker.name
        self.worker = worker
        self.settings = settings
        self._reporter = reporter
        self._context = context
        self._gate = Gate(settings, state)
        self._note = self._gate.breaker.state.encode()
        self._pace = Pace()
        self._ready: deque[Claim] = deque()
        self._runs = Runs(self._ended)
        self._unrecorded: set[Held] = set()
        self._wake = asyncio.Event()
        self._idle = False
        self._down = False
        self._stopping = False
        self._claiming = False
        self._expected = 0
        self._quiet = asyncio.Event()

    def wake(self) -> None:
        """Look for due deliveries now: some may have been added."""
        if not self._expected:
            self._idle = False
        self._wake.set()

    def offer(self) -> int:
        """How many deliveries this lane would take if they came now."""
        can_expect = self._idle and not self._expected and not self._claiming
        return max(self._room(self._context.clock()), 0) if can_expect else 0

    def expect(self, count: int) -> None:
        """Keep room for so many, for which was asked: `receive` follows, with as many or fewer."""
        self._expected = count

    def receive(self, claims: Sequence[Claim]) -> None:
        """Take what came of what was expected."""
        now, more = self._context.clock(), len(claims) >= self._expected
        self._expected = 0
        self._ready.extend(claims)
        self._start_ready(now)
        self._idle = self._idle and not more
        if self._should_look(now):
            self._wake.set()
        self._check_quiet()

    async def run(self) -> None:
        """Claim and start deliveries until `stop`."""
        while not self._stopping:
            self._wake.clear()
            await self._save_breaker()
            await self._pause(await self._look())
        self._check_quiet()

    def adopt(self, worker: Worker, settings: LaneSettings) -> Worker:
        """Run the next deliveries with another handler and settings; the handler before, which is to be closed."""
        self._gate.adjust(settings, self._context.clock())
        before, self.worker, self.settings = self.worker, worker, settings
        self.wake()
        return before

    def stop(self) -> None:
        """Claim and start nothing more; hand back what has not started."""
        self._stopping = True
        self._release_ready("handed back unrun: the handler is stopping")
        self._wake.set()

    async def quiet(self) -> None:
        """Wait until a lane that was stopped holds no delivery any more."""
        await self._quiet.wait()
        await self._save_breaker()

    def cancel(self) -> None:
        """Cancel what runs; it is handed back."""
        self._runs.cancel()

    def held(self) -> list[Held]:
        """The deliveries that are leased to this lane, each with its run."""
        return [*map(held, self._ready), *self._runs.held(), *self._unrecorded]

    def lose(self, lost: Collection[Held]) -> None:
        """End runs that are no longer this daemon's: their results would not be taken. A later run goes on."""
        self._ready = deque(claim for claim in self._ready if held(claim) not in lost)
        self._runs.cancel(lost)
        self._check_quiet()

    @property
    def running(self) -> int:
        """How many deliveries run now."""
        return len(self._runs)

    def snapshot(self) -> LaneSnapshot:
        """How the lane stands now."""
        now = self._context.clock()
        breaker, bucket = self._gate.breaker.state, self._gate.bucket
        return LaneSnapshot(
            handler=self.name,
            concurrency=self.settings.concurrency,
            running=self.running,
            waiting=len(self._ready),
            more=not self._idle or self._claiming,
            unrecorded=len(self._unrecorded),
            rate=bucket.rate,
            tokens=None if bucket.rate is None else bucket.available(now),
            breaker=breaker.phase.value,
            breaker_since=None if breaker.phase is Phase.CLOSED else breaker.since,
            breaker_until=None if breaker.phase is Phase.CLOSED else breaker.until,
            breaker_reason=breaker.reason,
            stopping=self._stopping,
        )

    async def _look(self) -> float:
        """Claim what there is room for; when to look again, infinite where somebody will wake the lane."""
        now = self._context.clock()
        self._start_ready(now)
        room = self._room(now)
        if room <= 0:
            self._idle = False
            return self._gate.opens_at(now) if self._gate.places(now) == 0 else math.inf
        try:
            due_at = await self._claim(now, room)
        except Unavailable as error:
            if not self._down:
                self._reporter.inbox_unavailable(error.reason, error.detail)
            self._down, self._idle = True, False
            return now + self._context.recheck
        self._down = False
        return min(due_at, self._gate.opens_at(self._context.clock())) if self._awaits_gate() else due_at

    async def _claim(self, now: float, room: int) -> float:
        if self._idle:
            due_at = await self._next_due()
            if due_at > now:
                return due_at
        self._idle = True
        claims = await self._take(now, room)
        if len(claims) == room:
            self._idle = False
        if not self._idle or self._wake.is_set():
            return now
        due_at = await self._next_due()
        return due_at if due_at > now else now + self._context.recheck

    async def _next_due(self) -> float:
        due_at = await self._context.inbox.next_due(self.name)
        return math.inf if due_at is None else due_at

    async def _take(self, now: float, room: int) -> list[Claim]:
        self._claiming = True
        try:
            claims = await self._context.inbox.claim(self.name, room, now, self._context.lease)
        finally:
            self._claiming = False
        self._ready.extend(claims)
        self._start_ready(self._context.clock())
        return claims

    def _room(self, now: float) -> int:
        """How many deliveries to claim: in batches, none while enough are at hand or too many are unrecorded."""
        concurrency = self.settings.concurrency
        ahead, ready = self._pace.ahead(concurrency), len(self._ready) + self._expected
        if self._stopping or ready > ahead // 2 or len(self._unrecorded) > max(_MOST_UNRECORDED, 4 * concurrency):
            return 0
        room = concurrency + ahead - len(self._runs) - ready
        places = self._gate.places(now, HORIZON if ahead else 0.0)
        return room if places is None else min(room, places - ready)

    def _start_ready(self, now: float) -> None:
        if self._stopping or self._gate.breaker.admits(now) == 0:
            self._release_ready("handed back unrun: the breaker is open")
        while self._ready and len(self._runs) < self.settings.concurrency:
            ticket = self._gate.enter(now)
            if ticket is None:
                return
            self._runs.start(Run(self._ready.popleft(), self.worker, self.settings, ticket, now))

    def _ended(self, run: Run, verdict: Verdict) -> None:
        now = self._context.clock()
        if verdict.crash is not None:
            self._reporter.attempt_crashed(run.claim.id, verdict.crash)
        phase = self._gate.leave(run.ticket, verdict.outcome, now, verdict.seller)
        if phase is not None:
            self._reporter.breaker(phase, self._gate.breaker.state, verdict.internal)
        if verdict.outcome is not None:
            self._pace.add(now - run.started_at)
        self._record(self._judged(run, verdict, now))
        self._start_ready(now)
        if phase is not None or self._should_look(now):
            self._wake.set()

    def _should_look(self, now: float) -> bool:
        """Whether the end of a run leaves the lane something to do: claim, or wait for the gate with what is ready."""
        return not self._claiming and (self._awaits_gate() or (not self._idle and self._room(now) > 0))

    def _awaits_gate(self) -> bool:
        """Whether only the rate or the breaker keeps what is ready from starting."""
        return bool(self._ready) and len(self._runs) < self.settings.concurrency

    def _judged(self, run: Run, verdict: Verdict, now: float) -> Ended:
        if verdict.outcome is None:
            return released(run.claim, now, "handed back: cancelled", run.started_at)
        draw = self._context.draw
        return judge(run.claim, verdict.outcome, run.started_at, now, run.settings, draw, verdict.internal)

    def _record(self, ended: Ended) -> None:
        self._unrecorded.add(held(ended.claim))
        self._context.recorder.add(ended, self._recorded)
        self._reporter.ended(ended)

    def _recorded(self, ended: Ended, lost: bool) -> None:
        self._unrecorded.discard(held(ended.claim))
        self._reporter.recorded(ended, lost)
        if ended.result.state is State.WAITING or self._should_look(self._context.clock()):
            self._wake.set()
        self._check_quiet()

    def _release_ready(self, reason: str) -> None:
        now = self._context.clock()
        while self._ready:
            self._record(released(self._ready.popleft(), now, reason))
        self._check_quiet()

    def _check_quiet(self) -> None:
        more = self._claiming or self._expected
        if self._stopping and not (more or self._ready or self._runs or self._unrecorded):
            self._quiet.set()

    async def _save_breaker(self) -> None:
        """Keep the breaker's state where a restart finds it."""
        note = self._gate.breaker.state.encode()
        if note == self._note:
            return
        try:
            await self._context.inbox.save_note(BREAKER_NOTE + self.name, note)
        except Unavailable as error:
            self._reporter.inbox_unavailable(error.reason, error.detail)
        else:
            self._note = note

    async def _pause(self, until: float) -> None:
        """Sleep until woken or until a time; never for long, because the clock may be set."""
        delay = min(_LONGEST_PAUSE, until - self._context.clock())
        if delay <= 0:
            await asyncio.sleep(0)
            return
        timer = asyncio.get_running_loop().call_later(delay, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
