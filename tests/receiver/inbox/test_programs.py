"""Random programs against both stores at once: the same answers, and what the engine promises of its deliveries."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from receiver.inbox import (
    Child,
    Claim,
    DeliveryFilter,
    DeliveryRow,
    Entry,
    MemoryInbox,
    NotificationFilter,
    Once,
    Result,
    Route,
    SqliteInbox,
    State,
)
from receiver.notification import Envelope, Notification
from tests.receiver.inbox.fresh import brought

T = TypeVar("T")

FINAL = {State.DONE, State.DEAD, State.SUPERSEDED}
ALL = DeliveryFilter(limit=None)
LEASE = 50.0

SHAPES = (
    Route("plain", "a"),
    Route("keyed", "b", key="k1"),
    Route("keyed", "b", key="k2"),
    Route("burst", "b", key="k1", coalesce=10.0),
    Route("burst", "c", key="k1", coalesce=10.0),
    Route("fresh", "c", key="k1", newest_only=True),
    Route("fresh", "c", key="k2", newest_only=True, coalesce=3.0),
    Route("report", "a", once=Once("r1", 30.0)),
    Route("report", "b", key="k1", once=Once("r2", 30.0)),
    Route("broken", "a", dead="no field"),
)
HANDLERS = ("a", "b", "c", "next")


class Programs(RuleBasedStateMachine):
    """What an operator, a sender and a dispatcher may do, in any order, on one clock."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "inbox.db"
        self.now = 1000.0
        self.sent = 0
        self.accepted: dict[str, Entry] = {}
        self.claims: list[Claim] = []
        self.running: set[int] = set()
        self.latest: dict[int, int] = {}
        self.looked_at: dict[int, DeliveryRow] = {}
        self.memory = MemoryInbox()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def both(self, call: str, *arguments: Any) -> Any:
        """Ask both stores the same; their one answer."""
        first = self.run(getattr(self.file, call)(*arguments))
        second = self.run(getattr(self.memory, call)(*arguments))
        assert first == second, (call, arguments)
        return first

    @initialize()
    def open(self) -> None:
        self.file = self.run(SqliteInbox.open(self.path))

    def teardown(self) -> None:
        if hasattr(self, "file"):
            self.run(self.file.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        self.directory.cleanup()

    @rule(
        batch=st.lists(
            st.tuples(st.lists(st.sampled_from(SHAPES), max_size=3, unique=True), st.integers(0, 6)),
            min_size=1,
            max_size=4,
        )
    )
    def accept(self, batch: list[tuple[list[Route], int]]) -> None:
        entries = [self._entry(routes, age) for routes, age in batch]
        answers = self.both("accept", entries)
        assert [answer.duplicate for answer in answers] == [False] * len(entries)

    @rule(
        routes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3, unique=True),
        limits=st.dictionaries(st.sampled_from(HANDLERS), st.integers(1, 3)),
    )
    def accept_and_claim_what_it_brings(self, routes: list[Route], limits: dict[str, int]) -> None:
        """A lane may get less that way than it would by claiming, and never what it would not get so."""
        entry = self._entry(routes, 0)
        claims = self.run(brought(self.file, entry, limits, self.now, LEASE))
        fed = {name: limit for name, limit in limits.items() if any(claim.handler == name for claim in claims)}
        assert claims == self.run(brought(self.memory, entry, fed, self.now, LEASE))
        plain = {route.handler for route in entry.routes if route.key is route.once is route.dead is None}
        assert plain & limits.keys() <= fed.keys(), "what comes is handed out with it"
        self._handed_out(claims)

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.accepted)))
        (answer,) = self.both("accept", [self.accepted[name]])
        assert answer.duplicate

    @precondition(lambda self: self.due())
    @rule(data=st.data(), limit=st.integers(1, 4))
    def claim(self, data: st.DataObject, limit: int) -> None:
        self._claim(data.draw(st.sampled_from(self.due())), limit)

    @precondition(lambda self: self.due())
    @rule()
    def claim_all_that_is_due(self) -> None:
        for handler in self.due():
            self._claim(handler, 10)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        self._finish(data, "done")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def succeed_and_chain(self, data: st.DataObject) -> None:
        self._finish(data, "chain")

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), wait=st.integers(0, 20))
    def fail(self, data: st.DataObject, wait: int) -> None:
        self._finish(data, "retry", wait)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), wait=st.integers(0, 20))
    def postpone(self, data: st.DataObject, wait: int) -> None:
        self._finish(data, "postpone", wait)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def fail_for_good(self, data: st.DataObject) -> None:
        self._finish(data, "dead")

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self.both("extend", [(claim.id, claim.run)], self.now + LEASE)

    @precondition(lambda self: self.accepted)
    @rule(seconds=st.sampled_from([1.0, 5.0, 11.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.running)
    @rule()
    def leases_run_out(self) -> None:
        self.both("recover", self.now)
        self._forget_what_is_not_running()

    @precondition(lambda self: self.running)
    @rule()
    def crash(self) -> None:
        """The process dies without a word; its claims are never heard of again, or late."""
        self.run(self.file.close())
        self.file = self.run(SqliteInbox.open(self.path))
        self.memory.restart()
        self.both("recover", self.now)
        self._forget_what_is_not_running()
        assert not self.running

    @precondition(lambda self: self.accepted)
    @rule(
        states=st.sets(st.sampled_from(sorted(FINAL)), min_size=1),
        handler=st.none() | st.sampled_from(HANDLERS),
        spacing=st.sampled_from([0.0, 2.0]),
    )
    def replay(self, states: set[State], handler: str | None, spacing: float) -> None:
        which = DeliveryFilter(states=tuple(sorted(states)), handler=handler, limit=3)
        self.both("replay", which, self.now, spacing)

    @precondition(lambda self: self.accepted)
    @rule(handler=st.none() | st.sampled_from(HANDLERS), key=st.none() | st.sampled_from(["k1", "k2"]))
    def cancel(self, handler: str | None, key: str | None) -> None:
        self.both("cancel", DeliveryFilter(handler=handler, key=key, limit=2), self.now, "cancelled")
        self._forget_what_is_not_running()

    @precondition(lambda self: self.accepted)
    @rule(data=st.data(), routes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2, unique=True))
    def reroute(self, data: st.DataObject, routes: list[Route]) -> None:
        routes = list({(each.rule, each.handler): each for each in routes}.values())
        self.both("reroute", data.draw(st.integers(1, self.sent + 1)), routes, self.now)

    @precondition(lambda self: self.accepted)
    @rule(age=st.sampled_from([0.0, 20.0, 100.0]))
    def prune(self, age: float) -> None:
        # Which of many go in one call is the store's choice; that all have gone after the last is not.
        while self.both("prune", self.now - age, 3) == 3:
            pass

    @invariant()
    def stores_agree(self) -> None:
        if not hasattr(self, "file"):
            return
        rows = self.both("deliveries", ALL)
        self.both("notifications", NotificationFilter(limit=None))
        self.both("count", ALL)
        stats = [self.run(store.stats()) for store in (self.file, self.memory)]
        for field in ("notifications", "unrouted", "oldest_due"):
            assert getattr(stats[0], field) == getattr(stats[1], field)
        counts = [{name: n for name, n in each.deliveries.items() if n} for each in stats]
        assert counts[0] == counts[1]
        self._lines_hold(rows)
        for row in rows:
            if self.looked_at.get(row.id) != row:
                self._ended_by_a_recorded_path(row)
        self.looked_at = {row.id: row for row in rows}

    def due(self) -> list[str]:
        """The handlers that have something due."""
        found = [(handler, self.run(self.memory.next_due(handler))) for handler in HANDLERS]
        return [handler for handler, at in found if at is not None and at <= self.now]

    def _claim(self, handler: str, limit: int) -> None:
        self.both("next_due", handler)
        claims = self.both("claim", handler, limit, self.now, LEASE)
        assert claims, "what is due is handed out"
        self._handed_out(claims)

    def _handed_out(self, claims: list[Claim]) -> None:
        for claim in claims:
            assert claim.id not in self.running, "run twice at the same time"
            self.running.add(claim.id)
            self.latest[claim.id] = claim.run
            self._is_first_of_its_line(claim)
        self.claims += claims

    def _finish(self, data: st.DataObject, end: str, wait: int = 0) -> None:
        """End some of the claims, late ones of runs long taken back among them."""
        chosen = data.draw(st.lists(st.sampled_from(self.claims), min_size=1, max_size=3, unique_by=lambda c: c.id))
        rows = {claim.id: self.both("delivery", claim.id) for claim in chosen}
        finished = self.both("finish", [self._result(claim, end, wait) for claim in chosen])
        for claim in chosen:
            self.claims.remove(claim)
            row = rows[claim.id]
            current = row is not None and row.state is State.RUNNING and self.latest[claim.id] == claim.run
            assert (claim.id in finished.lost) == (not current)
            if current:
                self.running.discard(claim.id)

    def _lines_hold(self, rows: list[DeliveryRow]) -> None:
        """Of each line one at most is in front: the running one, else the earliest; nothing is stuck behind nobody."""
        lines: dict[tuple[str, str], list[DeliveryRow]] = {}
        for row in rows:
            if row.state not in FINAL and row.key is not None:
                lines.setdefault((row.handler, row.key), []).append(row)
            assert row.state is not State.BLOCKED or row.key is not None
        for line in lines.values():
            front = [row for row in line if row.state is not State.BLOCKED]
            assert len(front) == 1
            if front[0].state is State.WAITING:
                assert front[0] == min(line, key=lambda row: (row.event_time, row.id))

    def _ended_by_a_recorded_path(self, row: DeliveryRow) -> None:
        attempts = self.both("attempts", row.id)
        counted = [attempt for attempt in attempts if attempt.outcome != "postponed"]
        assert row.attempts <= len(counted)
        if row.state is State.DONE:
            assert attempts[-1].outcome == "done"
        elif row.state is State.DEAD:
            assert row.reason
        elif row.state is State.SUPERSEDED:
            self._superseded_by_a_newer(row)

    def _superseded_by_a_newer(self, row: DeliveryRow) -> None:
        """Of a burst the newest is never the one that goes: what took its place is as new or newer."""
        assert row.superseded_by is not None
        other = self.both("delivery", row.superseded_by)
        if other is not None and row.rule in {"burst", "fresh"}:
            assert (other.event_time, other.id) > (row.event_time, row.id)

    def _is_first_of_its_line(self, claim: Claim) -> None:
        if claim.key is None:
            return
        which = DeliveryFilter(handler=claim.handler, key=claim.key, limit=None)
        for row in self.both("deliveries", which):
            if row.state not in FINAL and row.id != claim.id:
                assert row.state is State.BLOCKED
                assert (row.event_time, row.id) > (claim.event_time, claim.id), "out of order"

    def _forget_what_is_not_running(self) -> None:
        rows = self.both("deliveries", ALL)
        self.running = {row.id for row in rows if row.state is State.RUNNING}

    def _entry(self, routes: list[Route], age: int) -> Entry:
        self.sent += 1
        name = str(self.sent)
        envelope = Envelope(message="{}", message_id=name, topic="t", sent_at=self.now)
        identity = (f"n:{name}", 0, "ORDER_CHANGE", "1", name, "s", "m", self.now - age)
        routes = list({(each.rule, each.handler): each for each in routes}.values())
        entry = Entry(Notification(*identity, envelope, {}), tuple(routes), name.encode(), self.now)
        self.accepted[name] = entry
        return entry

    def _result(self, claim: Claim, end: str, wait: int) -> Result:
        state = {"done": State.DONE, "chain": State.DONE, "dead": State.DEAD}.get(end, State.WAITING)
        children = (Child("next", b"answer"),) if end == "chain" and claim.handler != "next" else ()
        return Result(
            claim.id,
            claim.run,
            state,
            self.now,
            self.now,
            due_at=self.now + wait if state is State.WAITING else None,
            counts=end != "postpone",
            detail=end,
            children=children,
        )

    def settle_everything(self) -> None:
        """Work until nothing is open, every run a success: nothing may be left behind, whatever came before."""
        self.both("recover", self.now + LEASE)
        self.running.clear()
        for _ in range(500):
            self.now += 100.0
            claims = [claim for handler in HANDLERS for claim in self.both("claim", handler, 10, self.now, LEASE)]
            if not claims:
                break
            self.both("finish", [self._result(claim, "done", 0) for claim in claims])
        self.stores_agree()
        rows = self.both("deliveries", ALL)
        assert {row.state for row in rows} <= FINAL
        self._newest_was_delivered(rows)

    def _newest_was_delivered(self, rows: list[DeliveryRow]) -> None:
        """Whatever was put aside gave way to one that ran to an end of its own (or was pruned after that)."""
        kept = {row.id: row for row in rows}
        for row in rows:
            last: DeliveryRow | None = row
            while last is not None and last.state is State.SUPERSEDED:
                last = kept.get(last.superseded_by or 0)
            assert last is None or last.state in {State.DONE, State.DEAD}


class Finishing(Programs):
    """Each program ends with all work done."""

    def teardown(self) -> None:
        try:
            if hasattr(self, "file"):
                self.settle_everything()
        finally:
            super().teardown()


SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def _programs(count: int, length: int, phases: tuple[Phase, ...]) -> None:
    profile = settings(
        phases=phases,
        max_examples=count,
        stateful_step_count=length,
        deadline=None,
        suppress_health_check=SUPPRESSED,
        database=None,
    )
    run_state_machine_as_test(Finishing, settings=profile)


def test_random_programs_keep_the_promises() -> None:
    """A failure is shown as found: making it small would take longer than the suite."""
    _programs(count=60, length=30, phases=(Phase.generate,))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_long_random_programs_keep_the_promises() -> None:
    _programs(count=1500, length=80, phases=(Phase.generate, Phase.shrink))
