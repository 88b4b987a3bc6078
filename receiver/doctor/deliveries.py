"""Whether what arrived also goes out."""

from collections.abc import Sequence

from receiver.dispatcher.breaker import BreakerState, Phase
from receiver.dispatcher.lane import BREAKER_NOTE
from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.escapes import escaped
from receiver.inbox import DeliveryFilter, DeliveryRow, SqliteInbox, State

_OPEN = (State.WAITING, State.BLOCKED, State.RUNNING)
_DEAD_FOR = 7 * 86400.0
_LATE = 900.0
_MOST_REASON = 200
_NO_INBOX = "there is no inbox to read"


async def none_dead(patient: Patient) -> Sequence[Result]:
    """Deliveries of the last week that ended as dead, by handler. Older ones are counted and held to be known."""
    if patient.inbox is None:
        return [skipped(_NO_INBOX)]
    stats = await patient.inbox.stats()
    since = patient.ways.clock() - _DEAD_FOR
    handlers = sorted(name for (name, state), count in stats.deliveries.items() if state is State.DEAD and count)
    results = [await _dead(patient.inbox, name, since) for name in handlers]
    return [result for result in results if result] or [ok("none in the last 7 days")]


async def breakers_closed(patient: Patient) -> Sequence[Result]:
    """Handlers that the daemon has stopped calling, because their destinations fail."""
    if patient.inbox is None:
        return [skipped(_NO_INBOX)]
    results = []
    for name, note in sorted((await patient.inbox.notes(BREAKER_NOTE)).items()):
        handler = name.removeprefix(BREAKER_NOTE)
        try:
            state = BreakerState.decode(note)
        except ValueError:
            continue
        if state.phase is not Phase.CLOSED and handler in patient.config.handlers:
            results.append(_open(handler, state, patient.ways.clock()))
    return results or [ok("all are closed")]


async def none_late(patient: Patient) -> Sequence[Result]:
    """Handlers whose oldest open delivery has waited for long."""
    if patient.inbox is None:
        return [skipped(_NO_INBOX)]
    now = patient.ways.clock()
    oldest = (await patient.inbox.stats()).oldest_due
    late = [name for name, at in sorted(oldest.items()) if now - at > _LATE and name in patient.config.handlers]
    return [await _late(patient.inbox, name, now - oldest[name]) for name in late] or [ok("none is older than 15m")]


async def handlers_there(patient: Patient) -> Sequence[Result]:
    """Deliveries that wait for a handler which is not in the rules file any more."""
    if patient.inbox is None:
        return [skipped(_NO_INBOX)]
    waiting: dict[str, int] = {}
    for (handler, state), count in sorted((await patient.inbox.stats()).deliveries.items()):
        if handler not in patient.config.handlers and state in _OPEN and count:
            waiting[handler] = waiting.get(handler, 0) + count
    return [
        finding(
            f"{_counted(count)} wait for handler {handler!r}, which the rules file does not have",
            f"add [handlers.{handler}] again, or give them up: spapi-router deliveries cancel --handler {handler}",
        )
        for handler, count in waiting.items()
    ] or [ok("no delivery waits for one")]


async def all_routed(patient: Patient) -> Sequence[Result]:
    """Notifications that no rule matched, by type."""
    if patient.inbox is None:
        return [skipped(_NO_INBOX)]
    unrouted = {type_: count for type_, count in (await patient.inbox.stats()).unrouted.items() if count}
    return [
        warning(
            f"{count:,} of type {type_ or '(none)'} matched no rule",
            f"see one with spapi-router inbox list --unrouted --type '{type_}', then spapi-router explain --inbox ID; "
            "after changing the rules, spapi-router inbox reroute --unrouted",
        )
        for type_, count in sorted(unrouted.items())
    ] or [ok("every notification matched a rule")]


async def _dead(inbox: SqliteInbox, handler: str, since: float) -> Result | None:
    which = DeliveryFilter(handler=handler, states=(State.DEAD,), since=since, limit=1)
    count = (await inbox.count(which)).get(State.DEAD, 0)
    if not count:
        return None
    (newest, *_) = await inbox.deliveries(which)
    cure = f"spapi-router deliveries list --state dead --handler {handler}; when the cause is gone, deliveries replay"
    return finding(
        f"{_counted(count)} to {handler!r} ended as dead in the last 7 days; the newest: {_said(newest)}", cure
    )


async def _late(inbox: SqliteInbox, handler: str, age: float) -> Result:
    rows = await inbox.deliveries(DeliveryFilter(handler=handler, states=(State.WAITING,), limit=50))
    failed = next((row for row in rows if row.attempts), None)
    why = f"; one was tried {failed.attempts} times and said: {_said(failed)}" if failed else ""
    cure = (
        f"look at the destination of {handler!r}"
        if failed
        else f"raise concurrency or rate of [handlers.{handler}], or make its destination faster"
    )
    return finding(f"the oldest delivery to {handler!r} has waited for {age / 60:,.0f} minutes{why}", cure)


def _open(handler: str, state: BreakerState, now: float) -> Result:
    minutes = max(0.0, now - state.since) / 60
    said = _line(state.reason)
    return finding(
        f"handler {handler!r} fails since {minutes:,.0f} minutes ago and is only probed now and then: {said}",
        f"look at its destination and at [handlers.{handler}]; what waits is delivered once it answers again",
    )


def _said(row: DeliveryRow) -> str:
    return _line(row.reason) or "(nothing)"


def _line(text: str) -> str:
    line = escaped(" ".join(text.split()))
    return line if len(line) <= _MOST_REASON else line[: _MOST_REASON - 1] + "…"


def _counted(count: int) -> str:
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"
