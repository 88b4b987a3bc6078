"""A whole router whose traces arrive at a collector."""

import asyncio
import json
import logging
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest

from handlers.base import SecretError
from receiver.inbox import DeliveryFilter, State
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns

RULE = '[[rules]]\nname = "all"\nhandlers = ["erp"]\n'


def order(order_id: str = "903-1") -> dict[str, Any]:
    return {
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": {"AmazonOrderId": order_id, "Summary": {"OrderStatus": "Unshipped"}}},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


def telemetry(collector: Any, more: str = "") -> str:
    return f'[telemetry]\nendpoint = "{collector.url}"\n{more}\n'


async def test_a_trace_reaches_from_the_push_to_the_webhook(
    start_router: Any,
    write_rules: Any,
    forward_to: Any,
    sns: SimulatedSns,
    sink: Sink,
    collector: Any,
    monkeypatch: Any,
) -> None:
    monkeypatch.setenv("COLLECTOR_KEY", "a-secret-key")
    text = telemetry(collector, 'headers = { x-key = { env = "COLLECTOR_KEY" } }\nservice = "router-eu"')
    router = await start_router(write_rules(forward_to() + RULE + text))
    await sns.publish(router.url, order())
    await sink.wait_for(1)
    await collector.until(lambda: bool(collector.named("notification ORDER_CHANGE")))
    spans = {span.name: span for span in collector.spans}
    assert set(spans) == {"notification ORDER_CHANGE", "push", "verify", "commit", "deliver erp", "attempt erp"}
    root, push, attempt = (spans[name] for name in ("notification ORDER_CHANGE", "push", "attempt erp"))
    assert {span.trace for span in collector.spans} == {root.trace}
    assert root.parent == ""
    assert (push.parent, spans["deliver erp"].parent) == (root.id, root.id)
    assert (spans["verify"].parent, spans["commit"].parent) == (push.id, push.id)
    assert attempt.parent == spans["deliver erp"].id
    (arrival,) = sink.arrivals
    assert arrival.headers["traceparent"] == f"00-{root.trace}-{attempt.id}-01"
    assert attempt.attributes["http.response.status_code"] == 200
    assert attempt.attributes["spapi_router.outcome"] == "done"
    assert (push.kind, attempt.kind) == (2, 3)
    assert push.begins <= spans["verify"].begins <= spans["verify"].ends <= spans["commit"].ends <= push.ends
    assert root.begins <= attempt.begins <= attempt.ends <= root.ends
    assert {span.service for span in collector.spans} == {"router-eu"}
    assert {headers["x-key"] for headers in collector.headers} == {"a-secret-key"}


async def test_retries_after_a_restart_are_in_the_same_trace(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink, collector: Any
) -> None:
    sink.behave(Behaviour(status=503))
    retry = 'retry = { attempts = 50, first = "50ms", most = "50ms" }\nbreaker = false'
    text = write_rules(forward_to("erp", retry) + RULE + telemetry(collector))
    router = await start_router(text)
    await sns.publish(router.url, order())
    async with asyncio.timeout(20):
        while sink.attempts < 2:
            await asyncio.sleep(0.02)
    await router.stop()
    before = {span.trace for span in collector.named("attempt erp")}
    assert len(before) == 1
    assert not collector.named("deliver erp")
    sink.behave(Behaviour())
    await start_router(text)
    await collector.until(lambda: bool(collector.named("notification ORDER_CHANGE")))
    attempts, (delivery,) = collector.named("attempt erp"), collector.named("deliver erp")
    assert {span.trace for span in attempts} == before
    assert {span.parent for span in attempts} == {delivery.id}
    assert len({span.id for span in attempts}) == len(attempts) >= 3
    assert [span.error for span in attempts[-1:]] == [None]
    assert "503" in (attempts[0].error or "")
    assert {arrival.headers["traceparent"][3:35] for arrival in sink.arrivals} == before


async def test_a_repeat_of_the_push_is_in_the_trace_of_the_first(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink, collector: Any
) -> None:
    router = await start_router(write_rules(forward_to() + RULE + telemetry(collector)))
    body = order()
    await sns.publish(router.url, body)
    await sns.publish(router.url, body)
    await collector.until(lambda: len(collector.named("push")) == 2)
    pushes = collector.named("push")
    assert len({span.trace for span in pushes}) == 1
    assert sorted(span.attributes["spapi_router.outcome"] for span in pushes) == ["accepted", "duplicate"]


async def test_what_no_rule_matches_is_a_trace_of_its_own(
    start_router: Any, write_rules: Any, sns: SimulatedSns, collector: Any
) -> None:
    router = await start_router(write_rules(telemetry(collector)))
    await sns.publish(router.url, order())
    await collector.until(lambda: bool(collector.named("notification ORDER_CHANGE")))
    (root,) = collector.named("notification ORDER_CHANGE")
    assert (root.attributes["spapi_router.deliveries"], root.error) == (0, None)


async def test_a_dead_delivery_is_an_error_of_its_trace(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink, collector: Any
) -> None:
    sink.behave(Behaviour(status=410))
    router = await start_router(write_rules(forward_to() + RULE + telemetry(collector)))
    await sns.publish(router.url, order())
    await collector.until(lambda: bool(collector.named("notification ORDER_CHANGE")))
    assert "410" in (collector.named("deliver erp")[0].error or "")
    assert collector.named("notification ORDER_CHANGE")[0].error == "1 of 1 deliveries are dead"


async def test_nothing_is_sampled_where_nothing_is_to_be(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink, collector: Any
) -> None:
    router = await start_router(write_rules(forward_to() + RULE + telemetry(collector, "sample = 0")))
    await sns.publish(router.url, order())
    await sink.wait_for(1)
    await router.stop()
    assert collector.headers == []
    assert "traceparent" not in sink.arrivals[0].headers


@pytest.mark.parametrize("gone", [True, False], ids=["no collector", "refused"])
async def test_deliveries_go_on_without_a_collector(
    start_router: Any,
    write_rules: Any,
    forward_to: Any,
    sns: SimulatedSns,
    sink: Sink,
    collector: Any,
    gone: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if gone:
        collector.url = "http://127.0.0.1:9"
    collector.status = 403
    text = telemetry(collector, 'timeout = "500ms"')
    router = await start_router(write_rules(forward_to() + RULE + text))
    with caplog.at_level(logging.WARNING):
        await sns.publish(router.url, order())
        await sink.wait_for(1)
        await router.stop()
        async with asyncio.timeout(20):
            while "traces_not_sent" not in caplog.messages:
                await asyncio.sleep(0.02)
    assert caplog.messages.count("traces_not_sent") == 1
    assert 'outcome="failed"' in router.parts.instruments.metrics.exposition().decode()


async def test_a_header_that_cannot_be_read_stops_the_start(
    start_router: Any, write_rules: Any, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    text = telemetry(collector, 'headers = { x-key = { env = "NO_SUCH_KEY" } }')
    with pytest.raises(SecretError, match="NO_SUCH_KEY is not set"):
        await start_router(write_rules(text))


async def test_what_is_superseded_is_not_forgotten(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink, collector: Any
) -> None:
    rule = '[[rules]]\nname = "all"\nhandlers = ["erp"]\nkey = "{type}"\ncoalesce = "1s"\n'
    router = await start_router(write_rules(forward_to() + rule + telemetry(collector)))
    for number in range(3):
        await sns.publish(router.url, order(f"903-{number}"))
    await sink.wait_for(1)
    async with asyncio.timeout(30):
        while await router.inbox.count(DeliveryFilter()) != {State.DONE: 1, State.SUPERSEDED: 2}:
            await asyncio.sleep(0.01)
    roots = router.parts.instruments.telemetry.tracing.roots
    await roots.look([1, 2, 3])
    await collector.until(lambda: len(collector.named("notification ORDER_CHANGE")) == 3)
    assert len({span.trace for span in collector.named("notification ORDER_CHANGE")}) == 3


def test_without_the_section_nothing_of_opentelemetry_is_loaded() -> None:
    code = (
        "import sys, json, receiver.daemon, receiver.instruments, handlers.forward;"
        "print(json.dumps([name for name in sys.modules if name.startswith('opentelemetry')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
