"""What is traced: the push with its proof and its commit, each delivery, its attempts, and their calls to SP-API."""

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from handlers.base import Handler
from receiver.dispatcher.outcomes import Ended
from receiver.inbox import SqliteInbox, State
from receiver.inbox.commit import Commit
from receiver.telemetry.handler import TracedHandler
from receiver.telemetry.ids import Ids, SpanId, child
from receiver.telemetry.roots import Roots
from receiver.telemetry.span import Span


class Kept(Protocol):
    """A notification as it was taken in: a `receiver.judge.Taken`."""

    @property
    def id(self) -> int: ...
    @property
    def duplicate(self) -> bool: ...
    @property
    def message_id(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def rules(self) -> Sequence[str]: ...


class Tracing:
    """Makes spans of what happens. Used from the event loop."""

    def __init__(
        self, ids: Ids, inbox: SqliteInbox, add: Callable[[Span], None], clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` counts seconds since the epoch."""
        self._commits = inbox.commits
        self._ids = ids
        self._add = add
        self._clock = clock
        self._current: ContextVar[SpanId | None] = ContextVar("attempt", default=None)
        self.roots = Roots(ids, inbox, add)

    def handler(self, inner: Handler[Any]) -> Handler[Any]:
        """The handler with spans for its attempts."""
        return TracedHandler(inner, self._ids, self._current, self._add, self._clock)

    def pushed(self, kept: Sequence[Kept], began: float) -> None:
        """A push was taken in that came at `began`, and is about to be answered 200."""
        now, commit = self._clock(), self._commits.last
        for each in kept:
            root = self._ids.notification(each.id)
            if root is not None:
                self._push(root, each, began, now, commit)

    def delivery_recorded(self, ended: Ended) -> None:
        """A delivery has ended for good."""
        claim, result = ended.claim, ended.result
        root = self._ids.notification(claim.notification_id)
        if root is None:
            return
        attributes: dict[str, str | int | float] = {
            "spapi_router.delivery": claim.id,
            "spapi_router.webhook_id": claim.webhook_id,
            "spapi_router.handler": claim.handler,
            "spapi_router.rule": claim.rule,
            "spapi_router.attempts": claim.attempt,
            "spapi_router.state": result.state.value,
        }
        if claim.key is not None:
            attributes["spapi_router.key"] = claim.key
        error = result.detail if result.state is State.DEAD else None
        id_, name = self._ids.delivery(root, claim.id), f"deliver {claim.handler}"
        self._add(Span(id_, root, name, claim.created_at, result.ended_at, attributes=attributes, error=error))
        self.roots.ended(claim.notification_id)

    def spapi_called(self, operation: str, status: str, seconds: float, request_id: str) -> None:
        """A call to SP-API ended: a span of the attempt that made it. Amazon is told nothing of traces."""
        attempt = self._current.get()
        if attempt is None:
            return
        attributes: dict[str, str | int | float] = {"rpc.method": operation, "aws.request_id": request_id}
        if status.isdecimal():
            attributes["http.response.status_code"] = int(status)
        now = self._clock()
        error = None if status.startswith("2") else status
        self._add(Span(child(attempt), attempt, operation, now - seconds, now, "client", attributes, error))

    def _push(self, root: SpanId, kept: Kept, began: float, now: float, commit: Commit | None) -> None:
        attributes: dict[str, str | int | float] = {
            "messaging.system": "aws.sns",
            "messaging.message.id": kept.message_id,
            "messaging.destination.name": kept.topic,
            "spapi_router.notification": kept.id,
            "spapi_router.outcome": "duplicate" if kept.duplicate else "accepted",
        }
        push = child(root)
        self._add(Span(push, root, "push", began, now, "server", attributes))
        if commit is not None:
            times = [min(max(time, began), now) for time in commit[1:]]
            jobs = {"spapi_router.jobs": commit.jobs}
            self._add(Span(child(push), push, "verify", times[0], times[1], attributes=jobs))
            self._add(Span(child(push), push, "commit", times[1], times[2], attributes=jobs))
        if not kept.duplicate:
            (self.roots.opened if kept.rules else self.roots.ended)(kept.id)
