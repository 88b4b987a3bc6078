"""Lanes at work: every delivery once, in order, within concurrency and rate; failures, chains, events."""

import asyncio
import logging
import re
import time
from typing import Any

import pytest

from handlers.base import Dead, Delivery, Done, Outcome, Postpone, Retry, TemplateError
from receiver.dispatcher import BreakerPolicy, LaneSettings, LaneSpec, RetryPolicy
from receiver.events import facts_of
from receiver.inbox import DeliveryFilter, Route, State

ROUTE = Route("rule", "erp")
QUICK = RetryPolicy(attempts=3, first=0.02, most=0.02, factor=1.0)


def spec(handler: Any, **settings: Any) -> LaneSpec:
    return LaneSpec(handler, LaneSettings(**({"retry": QUICK} | settings)))


class Held:
    """A clock that stands still until it is let go."""

    def __init__(self) -> None:
        self._held: float | None = time.time()

    def __call__(self) -> float:
        return time.time() if self._held is None else self._held

    def go_on(self) -> None:
        self._held = None


def events(caplog: Any, name: str) -> list[dict[str, object]]:
    return [dict(facts_of(record)) for record in caplog.records if record.getMessage() == name]


async def test_a_delivery_is_handled_once_and_recorded(lab: Any, scripted: Any, entry: Any, number: Any) -> None:
    handler = scripted()
    await lab.start({"erp": handler})
    (id_,) = await lab.push(entry(ROUTE, number=7))
    await lab.settled(done=1)
    (delivery,) = handler.deliveries
    assert (number(delivery), delivery.attempt, delivery.rule, delivery.handler) == (7, 1, "rule", "erp")
    assert delivery.body is None
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    assert (row.notification_id, row.state, row.webhook_id) == (id_, State.DONE, delivery.webhook_id)
    (attempt,) = await lab.inbox.attempts(row.id)
    assert attempt.outcome == "done"
    assert attempt.started_at <= attempt.ended_at
    assert lab.observed.attempts == {("erp", "done"): 1}
    assert lab.observed.finals == {("erp", "done"): 1}


async def test_a_backlog_is_worked_off_completely_and_within_concurrency(
    lab: Any, scripted: Any, entry: Any, number: Any
) -> None:
    await lab.push(*(entry(ROUTE, number=each) for each in range(500)))

    async def handle(_: Delivery) -> Outcome:
        await asyncio.sleep(0)
        return Done()

    handler = scripted(handle)
    await lab.start({"erp": spec(handler, concurrency=7)})
    await lab.settled(done=500)
    assert sorted(map(number, handler.deliveries)) == list(range(500))
    assert handler.most_running == 7


async def test_what_is_held_stays_bounded_whatever_the_backlog(lab: Any, scripted: Any, entry: Any, until: Any) -> None:
    await lab.push(*(entry(ROUTE, number=each) for each in range(500)))
    hold = asyncio.Event()

    async def handle(_: Delivery) -> Outcome:
        await hold.wait()
        return Done()

    dispatcher = await lab.start({"erp": spec(scripted(handle), concurrency=5)})
    await until(lambda: dispatcher.snapshot()["erp"].running == 5)
    assert await lab.states() == {State.RUNNING: 5, State.WAITING: 495}
    hold.set()
    await lab.settled(done=500)


async def test_one_key_runs_one_at_a_time_in_event_order(lab: Any, scripted: Any, entry: Any, number: Any) -> None:
    now = time.time()
    order = [3, 0, 4, 1, 2]
    entries = [entry(Route("rule", "erp", key=key), number=each, at=now + each) for each in order for key in "ab"]
    await lab.push(*entries)
    running: set[str] = set()

    async def handle(delivery: Delivery) -> Outcome:
        assert delivery.key not in running
        running.add(delivery.key)
        await asyncio.sleep(0.001)
        running.remove(delivery.key)
        return Done()

    handler = scripted(handle)
    await lab.start({"erp": spec(handler, concurrency=8)})
    await lab.settled(done=10)
    for key in "ab":
        assert [number(each) for each in handler.deliveries if each.key == key] == [0, 1, 2, 3, 4]


async def test_a_dead_delivery_lets_its_key_go_on(lab: Any, scripted: Any, entry: Any, number: Any) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        return Dead("410 Gone", status=410) if number(delivery) == 0 else Done()

    await lab.start({"erp": spec(scripted(handle))})
    await lab.push(*(entry(Route("rule", "erp", key="k"), number=each, at=1e9 + each) for each in range(3)))
    await lab.settled(done=2, dead=1)


async def test_failures_are_tried_again_and_then_dead_with_all_attempts_on_record(
    lab: Any, scripted: Any, entry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        return Retry(f"no. {delivery.attempt}", status=503)

    handler = scripted(handle)
    await lab.start({"erp": spec(handler)})
    with caplog.at_level(logging.INFO):
        (id_,) = await lab.push(entry(ROUTE))
        await lab.settled(dead=1)
    assert [delivery.attempt for delivery in handler.deliveries] == [1, 2, 3]
    assert len({delivery.webhook_id for delivery in handler.deliveries}) == 1
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    assert re.fullmatch(r"dead after 3 attempts over \d\S* s: no\. 3", row.reason)
    assert [each.outcome for each in await lab.inbox.attempts(row.id)] == ["retry", "retry", "dead"]
    ((type_, payload),) = lab.events
    assert type_ == "router.delivery_dead"
    assert payload["notification_id"] == id_
    assert (payload["delivery_id"], payload["handler"], payload["rule"]) == (row.id, "erp", "rule")
    assert payload["reason"] == row.reason
    assert [facts["reason"] for facts in events(caplog, "delivery_retry")] == ["no. 1", "no. 2"]
    (dead,) = events(caplog, "delivery_dead")
    assert (dead["id"], dead["attempt"], dead["status"]) == (row.id, 3, 503)


async def test_what_a_handler_raises_is_tried_again_and_logged_in_one_line(
    lab: Any, scripted: Any, entry: Any, caplog: pytest.LogCaptureFixture, number: Any
) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        if delivery.attempt == 1:
            raise RuntimeError("first\nline")
        return Done()

    with caplog.at_level(logging.INFO):
        await lab.start({"erp": spec(scripted(handle))})
        await lab.push(entry(ROUTE))
        await lab.settled(done=1)
    (retry,) = events(caplog, "delivery_retry")
    assert retry["reason"] == "RuntimeError: first line"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), TimeoutError("the handler's own")])
async def test_a_handler_that_cancels_itself_or_times_out_is_tried_again(
    lab: Any, scripted: Any, entry: Any, error: Any
) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        if delivery.attempt == 1:
            raise error
        return Done()

    await lab.start({"erp": spec(scripted(handle))})
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)


async def test_what_is_no_outcome_is_a_failure(lab: Any, scripted: Any, entry: Any) -> None:
    async def handle(_: Delivery) -> Outcome:
        return None  # type: ignore[return-value]

    await lab.start({"erp": spec(scripted(handle))})
    await lab.push(entry(ROUTE))
    await lab.settled(dead=1)
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    assert "the handler returned NoneType, which is no outcome" in row.reason


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Retry(None), "Retry whose reason is of type NoneType, not str"),  # type: ignore[arg-type]
        (Retry("x", after="5"), "Retry whose after is of type str, not float"),  # type: ignore[arg-type]
        (Retry("x", response=None), "Retry whose response is of type NoneType, not bytes"),  # type: ignore[arg-type]
        (Done({"a": 1}), "Done whose result is of type dict, not bytes"),  # type: ignore[arg-type]
        (Done("text"), "Done whose result is of type str, not bytes"),  # type: ignore[arg-type]
        (Done(status="200"), "Done whose status is of type str, not int"),  # type: ignore[arg-type]
        (Done(status=2**70), "Done whose status is too large"),
        (Dead(ValueError("x")), "Dead whose reason is of type ValueError, not str"),  # type: ignore[arg-type]
        (Dead("x", request_id=None), "Dead whose request_id is of type NoneType, not str"),  # type: ignore[arg-type]
        (Postpone("x", None), "Postpone whose after is of type NoneType, not float"),  # type: ignore[arg-type]
    ],
)
async def test_an_outcome_that_cannot_be_recorded_is_a_failure_that_is(
    lab: Any, scripted: Any, entry: Any, outcome: Outcome, said: str
) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        return outcome if delivery.attempt == 1 else Done()

    await lab.start({"erp": spec(scripted(handle), then=("log",)), "log": spec(scripted())})
    await lab.push(entry(ROUTE))
    await lab.settled(done=2)
    (row,) = await lab.inbox.deliveries(DeliveryFilter(handler="erp"))
    first, _ = await lab.inbox.attempts(row.id)
    assert first.detail == f"the handler returned {said}"


async def test_text_that_is_no_unicode_is_recorded_with_marks_in_its_place(lab: Any, scripted: Any, entry: Any) -> None:
    async def handle(_: Delivery) -> Outcome:
        return Dead("no file b\udc80.txt", request_id="r\ud800")

    await lab.start({"erp": spec(scripted(handle))})
    await lab.push(entry(ROUTE))
    await lab.settled(dead=1)
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    (attempt,) = await lab.inbox.attempts(row.id)
    assert (attempt.detail, attempt.request_id) == ("no file b?.txt", "r?")


async def test_a_handler_that_exits_does_not_take_the_daemon_along(lab: Any, scripted: Any, entry: Any) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        if delivery.attempt == 1:
            raise SystemExit(2)
        return Done()

    await lab.start({"erp": spec(scripted(handle))})
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    first, _ = await lab.inbox.attempts(row.id)
    assert first.detail == "SystemExit: 2"


async def test_a_field_that_a_template_lacks_is_dead_at_once(lab: Any, scripted: Any, entry: Any) -> None:
    async def handle(_: Delivery) -> Outcome:
        raise TemplateError("payload.x is missing")

    handler = scripted(handle)
    await lab.start({"erp": spec(handler)})
    await lab.push(entry(ROUTE))
    await lab.settled(dead=1)
    assert len(handler.deliveries) == 1


async def test_an_attempt_ends_at_its_timeout(lab: Any, scripted: Any, entry: Any) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        if delivery.attempt == 1:
            await asyncio.Event().wait()
        return Done()

    await lab.start({"erp": spec(scripted(handle), timeout=0.05)})
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    first, _ = await lab.inbox.attempts(row.id)
    assert first.detail == "timeout: no outcome within 0.05 s"


async def test_postponing_spends_no_attempt(lab: Any, scripted: Any, entry: Any) -> None:
    runs = []

    async def handle(delivery: Delivery) -> Outcome:
        runs.append(delivery.attempt)
        return Done() if len(runs) == 6 else Postpone("not ready", 0.01)

    await lab.start({"erp": spec(scripted(handle))})
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    assert runs == [1] * 6
    assert lab.observed.attempts == {("erp", "postponed"): 5, ("erp", "done"): 1}


async def test_results_go_down_a_chain_with_the_key_and_the_notification(
    lab: Any, scripted: Any, entry: Any, number: Any
) -> None:
    async def first(_: Delivery) -> Outcome:
        return Done(b'{"order": [1, 2]}')

    second, third = scripted(), scripted()
    await lab.start({"order": spec(scripted(first), then=("erp", "text")), "erp": second, "text": third})
    await lab.push(entry(Route("rule", "order", key="k"), number=4))
    await lab.settled(done=3)
    (delivery,) = second.deliveries
    assert delivery.body == b'{"order": [1, 2]}'
    assert delivery.document["result"] == {"order": [1, 2]}
    assert (number(delivery), delivery.rule, delivery.key) == (4, "rule", "k")
    (other,) = third.deliveries
    assert other.webhook_id != delivery.webhook_id


@pytest.mark.parametrize(("result", "parsed"), [(None, None), (b"plain \xff", "plain \ufffd")])
async def test_a_chain_carries_any_result(lab: Any, scripted: Any, entry: Any, result: Any, parsed: Any) -> None:
    async def first(_: Delivery) -> Outcome:
        return Done(result)

    second = scripted()
    await lab.start({"order": spec(scripted(first), then=("erp",)), "erp": second})
    await lab.push(entry(Route("rule", "order")))
    await lab.settled(done=2)
    (delivery,) = second.deliveries
    assert delivery.body == (result or b"null")
    assert delivery.document["result"] == parsed


async def test_a_hanging_handler_does_not_touch_another(lab: Any, scripted: Any, entry: Any, until: Any) -> None:
    never = asyncio.Event()

    async def hang(_: Delivery) -> Outcome:
        await never.wait()
        return Done()

    handler = scripted()
    dispatcher = await lab.start({"slow": spec(scripted(hang), concurrency=2), "erp": handler})
    for start in range(0, 200, 20):
        await lab.push(*(entry(Route("rule", "slow"), ROUTE) for _ in range(start, start + 20)))
    await until(lambda: len(handler.deliveries) == 200)
    await lab.settled(done=200, running=2, waiting=198)
    assert dispatcher.snapshot()["slow"].running == 2
    assert dispatcher.snapshot()["erp"].running == 0


async def test_the_rate_holds_back_and_nothing_is_claimed_early(
    lab: Any, scripted: Any, entry: Any, until: Any
) -> None:
    handler, clock = scripted(), Held()
    await lab.start({"erp": spec(handler, rate=10.0, burst=5)}, clock=clock)
    await lab.push(*(entry(ROUTE, received_at=clock()) for _ in range(12)))
    await lab.settled(done=5, waiting=7)
    assert len(handler.deliveries) == 5
    clock.go_on()
    await lab.settled(done=12)


async def test_a_breaker_stops_calls_and_spends_no_attempts_until_the_sink_is_back(
    lab: Any, scripted: Any, entry: Any, until: Any
) -> None:
    down = True

    async def handle(_: Delivery) -> Outcome:
        return Retry("connection refused") if down else Done()

    handler = scripted(handle)
    policy = BreakerPolicy(calls=5, window=60.0, open_for=0.1, most=0.1)
    retry = RetryPolicy(attempts=1000, first=0.01, most=0.01)
    dispatcher = await lab.start({"erp": LaneSpec(handler, LaneSettings(breaker=policy, retry=retry, concurrency=1))})
    await lab.push(*(entry(ROUTE, number=each) for each in range(50)))
    await until(lambda: dispatcher.snapshot()["erp"].breaker != "closed")
    attempts = len(handler.deliveries)
    assert attempts <= 6
    await until(lambda: dispatcher.snapshot()["erp"].breaker == "open" and len(handler.deliveries) > attempts)
    snapshot = dispatcher.snapshot()["erp"]
    assert snapshot.breaker_reason == "connection refused"
    assert snapshot.running == 0
    assert [type_ for type_, _ in lab.events] == ["router.breaker_opened"]
    assert lab.events[0][1]["handler"] == "erp"
    assert all(re.fullmatch(r"\d{4}-.*T.*Z", lab.events[0][1][name]) for name in ("since", "until"))
    down = False
    await lab.settled(done=50)
    assert dispatcher.snapshot()["erp"].breaker == "closed"
    assert await lab.inbox.notes("breaker/") == {}


async def test_a_broken_breaker_note_is_ignored_and_said(
    lab: Any, scripted: Any, entry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await lab.inbox.save_note("breaker/erp", b"nonsense")
    with caplog.at_level(logging.WARNING):
        await lab.start({"erp": scripted()})
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    assert events(caplog, "breaker_note_ignored")[0]["note"] == "breaker/erp"


@pytest.mark.parametrize(
    "refused", [Retry("429 Too Many Requests", status=429), Postpone("429 Too Many Requests", 0.1, status=429)]
)
async def test_too_many_requests_is_raised_once_a_period(lab: Any, scripted: Any, entry: Any, refused: Outcome) -> None:
    seen: set[int] = set()

    async def handle(delivery: Delivery) -> Outcome:
        first = delivery.id not in seen
        seen.add(delivery.id)
        return refused if first else Done()

    await lab.start({"erp": spec(scripted(handle))})
    await lab.push(*(entry(ROUTE) for _ in range(10)))
    await lab.settled(done=10)
    assert lab.events == [("router.rate_limited", {"handler": "erp", "reason": "429 Too Many Requests"})]


async def test_deliveries_of_internal_notifications_raise_no_further_ones(lab: Any, scripted: Any, entry: Any) -> None:
    async def handle(_: Delivery) -> Outcome:
        return Retry("429", status=429)

    settings = LaneSettings(retry=RetryPolicy(attempts=1), breaker=BreakerPolicy(calls=1))
    await lab.start({"alert": LaneSpec(scripted(handle), settings)})
    await lab.push(entry(Route("alerts", "alert"), internal=True))
    await lab.settled(dead=1)
    assert lab.events == []


async def test_an_alert_that_cannot_be_raised_stops_nothing(
    lab: Any, scripted: Any, entry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(_: Delivery) -> Outcome:
        return Dead("no")

    def emit(*_: object) -> None:
        raise RuntimeError("full")

    await lab.start({"erp": scripted(handle)}, emit=emit)
    await lab.push(entry(ROUTE), entry(ROUTE))
    await lab.settled(dead=2)
    assert events(caplog, "event_not_raised")[0]["reason"] == "RuntimeError: full"


async def test_a_notification_that_cannot_be_read_is_dead_and_named(lab: Any, scripted: Any, entry: Any) -> None:
    whole = entry(ROUTE)
    broken = type(whole)(whole.notification, whole.routes, b'{"Type": "Notification"', whole.received_at)
    handler = scripted()
    await lab.start({"erp": handler})
    (id_,) = await lab.push(broken)
    await lab.settled(dead=1)
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    assert row.reason.startswith(f"notification {id_} cannot be read from the inbox")
    assert f"inbox show {id_}" in row.reason
    assert handler.deliveries == []


async def test_a_delivery_cancelled_while_it_runs_is_ended_and_its_result_not_taken(
    lab: Any, scripted: Any, entry: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cancelled = asyncio.Event()

    async def handle(_: Delivery) -> Outcome:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return Done()

    dispatcher = await lab.start({"erp": spec(scripted(handle), timeout=60.0)}, lease=0.3)
    await lab.push(entry(ROUTE))
    await until(lambda: dispatcher.snapshot()["erp"].running == 1)
    assert await lab.inbox.cancel(DeliveryFilter(), time.time(), "by hand") == 1
    await until(cancelled.is_set)
    await until(lambda: bool(events(caplog, "delivery_lost")))
    await lab.settled(dead=1)
    assert lab.observed.finals == {}


async def test_a_run_that_is_lost_does_not_take_the_next_one_along(
    lab: Any, scripted: Any, entry: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Cancelled while it ran and replayed at once, a delivery runs anew before the loss of its first run is noticed."""
    finish = asyncio.Event()

    async def handle(_: Delivery) -> Outcome:
        await finish.wait()
        return Done()

    handler = scripted(handle)
    dispatcher = await lab.start({"erp": spec(handler, timeout=60.0)}, lease=0.9, recheck=0.01)
    await lab.push(entry(ROUTE))
    await until(lambda: dispatcher.snapshot()["erp"].running == 1)
    assert await lab.inbox.cancel(DeliveryFilter(), time.time(), "by hand") == 1
    assert await lab.inbox.replay(DeliveryFilter(), time.time()) == 1
    dispatcher.wake(["erp"])
    await until(lambda: bool(events(caplog, "delivery_lost")))
    assert dispatcher.snapshot()["erp"].running == 1
    finish.set()
    await lab.settled(done=1)
    assert len(handler.deliveries) == 2


async def test_leases_of_long_attempts_are_kept_alive(lab: Any, scripted: Any, entry: Any) -> None:
    async def handle(_: Delivery) -> Outcome:
        await asyncio.sleep(1.0)
        return Done()

    handler = scripted(handle)
    await lab.start({"erp": spec(handler)}, lease=0.3)
    await lab.push(entry(ROUTE))
    await lab.settled(done=1)
    assert len(handler.deliveries) == 1


async def test_coalesced_bursts_run_once_their_time_has_come(lab: Any, scripted: Any, entry: Any, number: Any) -> None:
    handler = scripted()
    await lab.start({"erp": handler})
    route = Route("rule", "erp", key="k", coalesce=0.2)
    await lab.push(*(entry(route, number=each, at=1e9 + each) for each in (2, 9, 4)))
    await lab.settled(done=1, superseded=2)
    assert [number(each) for each in handler.deliveries] == [9]


async def test_a_delivery_that_brings_the_daemon_down_is_not_run_for_ever(lab: Any, scripted: Any, entry: Any) -> None:
    """Each of its runs is lost with the daemon, so that no attempt ever ends and is judged."""
    await lab.push(entry(ROUTE, number=1))
    now = time.time()
    for _ in range(QUICK.attempts):
        (claim,) = await lab.inbox.claim("erp", 1, now, 0.0)
        assert await lab.inbox.recover(now) == 1
    assert claim.attempt == QUICK.attempts
    handler = scripted()
    await lab.start({"erp": spec(handler)})
    await lab.settled(dead=1)
    assert handler.deliveries == []
    (row,) = await lab.inbox.deliveries(DeliveryFilter())
    assert row.reason.startswith("not tried again: its 3 attempts are spent, and the last one never ended")
    assert [attempt.outcome for attempt in await lab.inbox.attempts(row.id)] == ["lost", "lost", "lost", "dead"]
