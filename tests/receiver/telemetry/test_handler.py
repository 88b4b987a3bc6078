"""The span of an attempt, whatever the handler does, and of the calls that it makes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from handlers.base import Dead, Delivery, Done, Handler, HandlerContext, HandlerSettings, Outcome, Postpone, Retry
from receiver.inbox import SqliteInbox
from receiver.telemetry.ids import Ids
from receiver.telemetry.span import Span
from receiver.telemetry.tracing import Tracing

IDS = Ids(b"a" * 16, 1.0)
Act = Callable[[Delivery], Awaitable[Outcome]]


class Acting(Handler[BaseModel]):
    """A handler that does what a test wants."""

    act: Act
    life: list[str]

    async def start(self) -> None:
        self.life.append("start")

    async def handle(self, delivery: Delivery) -> Outcome:
        return await self.act(delivery)

    async def close(self) -> None:
        self.life.append("close")


@pytest.fixture
async def traced(tmp_path: Path) -> Any:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    spans: list[Span] = []
    tracing = Tracing(IDS, inbox, spans.append)

    def make(act: Act) -> tuple[Handler[Any], Tracing, list[Span]]:
        inner = Acting(HandlerSettings(), HandlerContext("erp", logging.getLogger("test"), lambda: 0.0, tmp_path))
        inner.act, inner.life = act, []
        return tracing.handler(inner), tracing, spans

    yield make
    await inbox.close()


def delivery(notification: int = 7) -> Delivery:
    return Delivery(3, "msg_1", "all", "erp", 2, None, 0.0, 0.0, {"type": "X"}, notification=notification)


@pytest.mark.parametrize(
    ("outcome", "said", "error"),
    [
        (Done(status=200, request_id="r-1"), "done", None),
        (Retry("503 Service Unavailable", status=503), "retry", "503 Service Unavailable"),
        (Dead("410 Gone", status=410), "dead", "410 Gone"),
        (Postpone("the plan is used up", 5.0), "postpone", None),
    ],
)
async def test_an_attempt_is_a_span_of_its_delivery(
    traced: Any, outcome: Outcome, said: str, error: str | None
) -> None:
    seen: list[Delivery] = []

    async def act(given: Delivery) -> Outcome:
        seen.append(given)
        return outcome

    handler, _, spans = traced(act)
    assert await handler.handle(delivery()) is outcome
    root = IDS.notification(7)
    assert root is not None
    (span,) = spans
    assert (span.parent, span.id.trace, span.error) == (IDS.delivery(root, 3), root.trace, error)
    assert (span.attributes["spapi_router.outcome"], span.attributes["spapi_router.attempt"]) == (said, 2)
    assert seen[0].traceparent == span.id.traceparent


async def test_calls_to_sp_api_are_spans_of_the_attempt_that_makes_them(traced: Any) -> None:
    tracing: Tracing

    async def act(given: Delivery) -> Outcome:
        await asyncio.create_task(call(given.id))
        return Done()

    async def call(number: int) -> None:
        await asyncio.sleep(0)
        tracing.spapi_called("orders.getOrder", "200", 0.25, f"r-{number}")
        tracing.spapi_called("orders.getOrder", "429", 0.25, "")

    handler, tracing, spans = traced(act)
    await asyncio.gather(handler.handle(delivery(7)), handler.handle(delivery(8)))
    tracing.spapi_called("orders.getOrder", "200", 0.25, "outside of any attempt")
    attempts = [span for span in spans if span.name == "attempt erp"]
    calls = [span for span in spans if span.name == "orders.getOrder"]
    assert len(calls) == 4
    assert {call.parent for call in calls} == {attempt.id for attempt in attempts}
    assert {(call.attributes["http.response.status_code"], call.error) for call in calls} == {(200, None), (429, "429")}
    assert all(call.ends - call.begins == pytest.approx(0.25, abs=1e-5) for call in calls)


async def test_an_attempt_that_raises_or_is_cut_off_has_its_span(traced: Any) -> None:
    async def act(given: Delivery) -> Outcome:
        if given.id:
            await asyncio.Event().wait()
        raise ValueError("broken")

    handler, _, spans = traced(act)
    with pytest.raises(ValueError, match="broken"):
        await handler.handle(Delivery(0, "msg", "all", "erp", 1, None, 0.0, 0.0, {}, notification=7))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await handler.handle(delivery())
    assert [span.error for span in spans] == ["ValueError: broken", "cut off: timeout, or the daemon is stopping"]


async def test_what_is_not_sampled_passes_untouched(tmp_path: Path, traced: Any) -> None:
    seen: list[Delivery] = []

    async def act(given: Delivery) -> Outcome:
        seen.append(given)
        return Done()

    handler, _, spans = traced(act)
    inbox = await SqliteInbox.open(tmp_path / "other.db")
    given = delivery()
    await Tracing(Ids(b"a" * 16, 0.0), inbox, spans.append).handler(handler.inner).handle(given)
    await inbox.close()
    assert seen[0] is given
    assert spans == []


async def test_its_life_is_that_of_the_handler(traced: Any) -> None:
    async def act(_given: Delivery) -> Outcome:
        return Done()

    handler, *_ = traced(act)
    await handler.start()
    await handler.close()
    assert handler.inner.life == ["start", "close"]
    assert handler.preview(delivery()) == handler.inner.preview(delivery())
