"""Tells people and programs how a lane's deliveries go: log events, internal notifications, the observer."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from receiver.dispatcher.breaker import BreakerState, Phase
from receiver.dispatcher.observer import Observer
from receiver.dispatcher.outcomes import Ended
from receiver.events import log
from receiver.inbox.store import State, Stillborn
from receiver.times import iso

Emit = Callable[[str, Mapping[str, Any]], None]
"""Raises an internal notification: its type and its payload."""

DELIVERY_DEAD = "router.delivery_dead"
BREAKER_OPENED = "router.breaker_opened"
RATE_LIMITED = "router.rate_limited"

TOO_MANY_REQUESTS = 429
RATE_LIMITED_PERIOD = 3600.0
"""Seconds in which a handler raises RATE_LIMITED once."""

_LEVELS = {"done": logging.INFO, "retry": logging.WARNING, "dead": logging.ERROR}


class Reporter:
    """The voice of one lane. What befalls deliveries of internal notifications is logged and raises no further ones."""

    def __init__(self, handler: str, emit: Emit, observer: Observer, logger: logging.Logger) -> None:
        self._handler = handler
        self._emit_to = emit
        self._observer = observer
        self._log = logger
        self._rate_limited_at = float("-inf")

    def ended(self, ended: Ended) -> None:
        """A run has ended."""
        if ended.outcome != "released":
            self._observer.attempt_finished(self._handler, ended.outcome, ended.seconds)
        level = _LEVELS.get(ended.outcome, logging.DEBUG)
        if self._log.isEnabledFor(level):
            self._log_ended(ended, level)
        if ended.result.status == TOO_MANY_REQUESTS and not ended.internal:
            self._rate_limited(ended)

    def recorded(self, ended: Ended, lost: bool) -> None:
        """A result is on disk, or was not taken."""
        claim, state = ended.claim, ended.result.state
        if lost:
            reason = "it was cancelled, or its lease had ended, while it ran"
            facts = {"id": claim.id, "notification": claim.notification_id, "handler": claim.handler}
            log(self._log, logging.WARNING, "delivery_lost", **facts, reason=reason)
        elif state is not State.WAITING:
            self._observer.delivery_final(self._handler, state.value, ended.result.ended_at - claim.created_at)
            self._observer.delivery_recorded(ended)
            if state is State.DEAD and not ended.internal:
                self._emit(DELIVERY_DEAD, {**_facts(ended), "key": claim.key, "reason": ended.result.detail})

    def breaker(self, phase: Phase, state: BreakerState, internal: bool) -> None:
        """The breaker opened or closed."""
        if phase is Phase.CLOSED:
            log(self._log, logging.INFO, "breaker_closed", handler=self._handler)
            return
        times = {"since": iso(state.since), "until": iso(state.until)}
        facts = {"reason": state.reason, "openings": state.openings, **times}
        log(self._log, logging.WARNING, "breaker_opened", handler=self._handler, **facts)
        if state.openings == 1 and not internal:
            self._emit(BREAKER_OPENED, {"handler": self._handler, **facts})

    def inbox_unavailable(self, reason: str, detail: str) -> None:
        """Nothing can be claimed now."""
        log(self._log, logging.ERROR, "inbox_unavailable", handler=self._handler, reason=reason, detail=detail)

    def attempt_crashed(self, delivery_id: int, error: BaseException) -> None:
        """A fault of this program's own, not of the handler's."""
        log(self._log, logging.ERROR, "attempt_crashed", id=delivery_id, handler=self._handler, reason=repr(error))
        self._log.debug("attempt_crashed", exc_info=error)

    def _log_ended(self, ended: Ended, level: int) -> None:
        result = ended.result
        facts = _facts(ended) | {"seconds": ended.seconds, "status": result.status, "key": ended.claim.key}
        ids = {"id": facts.pop("delivery_id"), "notification": facts.pop("notification_id")}
        wait = result.due_at - result.ended_at if result.due_at is not None and ended.outcome != "released" else None
        facts |= {"request_id": result.request_id or None, "reason": result.detail or None, "again_in": wait}
        log(self._log, level, f"delivery_{ended.outcome}", **ids, **facts)

    def _rate_limited(self, ended: Ended) -> None:
        if ended.result.ended_at - self._rate_limited_at < RATE_LIMITED_PERIOD:
            return
        self._rate_limited_at = ended.result.ended_at
        self._emit(RATE_LIMITED, {"handler": self._handler, "reason": ended.result.detail})

    def _emit(self, type_: str, payload: Mapping[str, Any]) -> None:
        try:
            self._emit_to(type_, payload)
        except Exception as error:  # noqa: BLE001 - an alert that cannot be raised must not stop deliveries
            log(self._log, logging.ERROR, "event_not_raised", type=type_, reason=f"{type(error).__name__}: {error}")


def stillborn(logger: logging.Logger, notification: int, each: Stillborn) -> dict[str, Any]:
    """Say of a delivery that it was dead at once, as of one that a lane gives up; the payload of DELIVERY_DEAD."""
    facts = {"handler": each.handler, "rule": each.rule, "attempt": 0, "key": each.key, "reason": each.reason}
    log(logger, logging.ERROR, "delivery_dead", id=each.id, notification=notification, **facts)
    return {"delivery_id": each.id, "notification_id": notification, **facts}


def _facts(ended: Ended) -> dict[str, Any]:
    claim = ended.claim
    return {
        "delivery_id": claim.id,
        "notification_id": claim.notification_id,
        "handler": claim.handler,
        "rule": claim.rule,
        "attempt": claim.attempt,
    }
