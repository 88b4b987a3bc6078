"""A handler whose attempts are spans."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from handlers.base import Dead, Delivery, Done, Handler, Outcome, Postpone, Request, Retry
from receiver.telemetry.ids import Ids, SpanId, child
from receiver.telemetry.span import Span

Current = ContextVar[SpanId | None]
"""The attempt that runs, for what it calls."""


class TracedHandler(Handler[Any]):
    """Gives each attempt of a sampled notification a span, and hands its name on with the delivery."""

    def __init__(
        self,
        inner: Handler[Any],
        ids: Ids,
        current: Current,
        add: Callable[[Span], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(inner.settings, inner.context)
        self.inner = inner
        self._ids = ids
        self._current = current
        self._add = add
        self._clock = clock

    async def start(self) -> None:
        await self.inner.start()

    async def handle(self, delivery: Delivery) -> Outcome:
        root = self._ids.notification(delivery.notification)
        if root is None:
            return await self.inner.handle(delivery)
        attempt = child(root)
        began, outcome, error = self._clock(), None, "cut off: timeout, or the daemon is stopping"
        token = self._current.set(attempt)
        try:
            outcome = await self.inner.handle(replace(delivery, traceparent=attempt.traceparent))
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            raise
        finally:
            self._current.reset(token)
            parent = self._ids.delivery(root, delivery.id)
            self._add(_span(attempt, parent, delivery, outcome, error, began, self._clock()))
        return outcome

    def preview(self, delivery: Delivery) -> list[Request]:
        return self.inner.preview(delivery)

    async def close(self) -> None:
        await self.inner.close()


def _span(
    attempt: SpanId,
    parent: SpanId,
    delivery: Delivery,
    outcome: Outcome | None,
    error: str,
    began: float,
    ended: float,
) -> Span:
    attributes: dict[str, str | int | float] = {
        "spapi_router.handler": delivery.handler,
        "spapi_router.attempt": delivery.attempt,
        "spapi_router.outcome": "raised" if outcome is None else type(outcome).__name__.lower(),
    }
    if outcome is not None and outcome.status is not None:
        attributes["http.response.status_code"] = outcome.status
    if isinstance(outcome, Done | Retry | Dead):
        if outcome.request_id:
            attributes["aws.request_id"] = outcome.request_id
        error = "" if isinstance(outcome, Done) else outcome.reason
    elif isinstance(outcome, Postpone):
        attributes["spapi_router.reason"] = outcome.reason
        error = ""
    name = f"attempt {delivery.handler}"
    return Span(attempt, parent, name, began, ended, "client", attributes, error or None)
