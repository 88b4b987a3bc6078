"""What follows from the outcome of an attempt: done, dead, or waiting for another run. Pure."""

from typing import NamedTuple

from handlers.base import Dead, Done, Outcome, Postpone, Retry, TemplateError
from receiver.dispatcher.retry import DAY, Draw, bounded, span
from receiver.dispatcher.settings import LaneSettings
from receiver.inbox.store import Child, Claim, Result, State

NO_RESULT = b"null"
"""What a handler without a result hands on in a chain."""

_MOST_DETAIL = 1000
_MOST_RESPONSE = 64 * 1024
_LEAST_POSTPONE = 0.05
_MOST_POSTPONE = 366 * DAY


class Ended(NamedTuple):
    """A run that ended, and what is to be recorded of it."""

    claim: Claim
    result: Result
    outcome: str
    """`done`, `retry`, `dead` or `postponed`; `released` for a delivery that was handed back unrun."""
    internal: bool = False
    """The notification is the daemon's own."""

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.result.ended_at - self.result.started_at


def failure(error: BaseException) -> Outcome:
    """The outcome of an attempt that raised: Retry, or Dead for a template that this notification cannot fill."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Dead(str(error)) if isinstance(error, TemplateError) else Retry(text)


def judge(
    claim: Claim,
    outcome: Outcome,
    started_at: float,
    now: float,
    settings: LaneSettings,
    draw: Draw,
    internal: bool = False,
) -> Ended:
    """What to record of an attempt that ended `now` with an outcome."""
    run = _Run(claim, started_at, now, internal)
    if isinstance(outcome, Done):
        children = tuple(Child(name, bytes(outcome.result or NO_RESULT)) for name in settings.then)
        return run.ended("done", State.DONE, outcome, outcome.detail, children=children)
    if isinstance(outcome, Dead):
        return run.ended("dead", State.DEAD, outcome, outcome.reason)
    if isinstance(outcome, Postpone):
        return _postponed(run, outcome, settings)
    return _retried(run, outcome, settings, draw)


def released(claim: Claim, now: float, reason: str, started_at: float | None = None) -> Ended:
    """What to record of a claim that is handed back: it is due at once and has spent no attempt."""
    result = Result(
        delivery_id=claim.id,
        run=claim.run,
        state=State.WAITING,
        started_at=now if started_at is None else started_at,
        ended_at=now,
        due_at=now,
        counts=False,
        detail=reason,
    )
    return Ended(claim, result, "released")


def one_line(text: str) -> str:
    """A text as one bounded line, of the type str itself."""
    if len(text) <= _MOST_DETAIL and text.isprintable():
        return text[:]
    # Half a surrogate pair, as an undecodable byte of a name becomes one, is no text that could be stored.
    line = " ".join(text[: 2 * _MOST_DETAIL].encode("utf-8", "replace").decode().split())
    return line if len(line) <= _MOST_DETAIL else line[: _MOST_DETAIL - 1] + "…"


class _Run(NamedTuple):
    claim: Claim
    started_at: float
    ended_at: float
    internal: bool

    def ended(
        self,
        name: str,
        state: State,
        outcome: Outcome,
        detail: str,
        *,
        due_at: float | None = None,
        children: tuple[Child, ...] = (),
    ) -> Ended:
        # No value of a type of the handler's own: the process that writes would import the module that it is from.
        answered = None if isinstance(outcome, Postpone) else outcome
        result = Result(
            delivery_id=self.claim.id,
            run=self.claim.run,
            state=state,
            started_at=self.started_at,
            ended_at=self.ended_at,
            due_at=None if due_at is None else float(due_at),
            counts=name != "postponed",
            detail=one_line(detail),
            status=None if outcome.status is None else int(outcome.status),
            response=bytes(answered.response[:_MOST_RESPONSE]) if answered else b"",
            request_id=one_line(answered.request_id) if answered else "",
            children=children,
            begun=isinstance(outcome, Postpone | Retry) and bool(outcome.begun),
        )
        return Ended(self.claim, result, name, self.internal)


def _postponed(run: _Run, outcome: Postpone, settings: LaneSettings) -> Ended:
    due_at = run.ended_at + bounded(outcome.after, _LEAST_POSTPONE, _MOST_POSTPONE)
    if settings.retry.too_old(run.claim.created_at, due_at):
        return run.ended("dead", State.DEAD, outcome, _given_up(run, outcome.reason, "postponed until past its age"))
    return run.ended("postponed", State.WAITING, outcome, outcome.reason, due_at=due_at)


def _retried(run: _Run, outcome: Retry, settings: LaneSettings, draw: Draw) -> Ended:
    policy, attempt = settings.retry, run.claim.attempt
    due_at = run.ended_at + policy.wait(attempt, draw, outcome.after)
    old = policy.too_old(run.claim.created_at, due_at)
    if attempt < policy.attempts and not old:
        return run.ended("retry", State.WAITING, outcome, outcome.reason, due_at=due_at)
    attempts = f"dead after {attempt} attempt{'s' if attempt > 1 else ''}"
    why = f"{attempts}, the next past its age" if old and attempt < policy.attempts else attempts
    return run.ended("dead", State.DEAD, outcome, _given_up(run, outcome.reason, why))


def _given_up(run: _Run, reason: str, why: str) -> str:
    return f"{why} over {span(run.ended_at - run.claim.created_at)}: {reason}"
