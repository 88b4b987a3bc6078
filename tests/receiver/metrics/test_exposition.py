"""What a Prometheus server gets from a whole router."""

import asyncio
import base64
import shutil
import subprocess
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns

RULE = '[[rules]]\nname = "all"\nmatch.type = [{ anything-but = "STRANGE" }]\nhandlers = ["erp"]\n'


def order(kind: str = "ORDER_CHANGE") -> dict[str, Any]:
    return {"NotificationType": kind, "Payload": {}, "NotificationMetadata": {"NotificationId": str(uuid4())}}


async def scraped(router: Any) -> str:
    async with aiohttp.ClientSession() as client, client.get(f"{router.admin}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    return values(text).get((f"spapi_router_{name}", frozenset(labels.items())))


def faults(text: str) -> str:
    """What promtool says of an exposition."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return f"{done.returncode or ''}{done.stdout}{done.stderr}"


async def test_the_way_of_a_notification_in_numbers(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    router = await start_router(write_rules(forward_to() + RULE))
    body = order()
    await sns.publish(router.url, body)
    await sns.publish(router.url, body)
    await sns.publish(router.url, order("STRANGE"))
    await sink.wait_for(1)

    def told(text: str) -> bool:
        """Whether figures of the inbox, which are some seconds old, are of the end, and the end is counted."""
        done = value(text, "inbox_deliveries", handler="erp", state="done"), value(text, "inbox_notifications")
        return done == (1, 2) and value(text, "deliveries_total", handler="erp", state="done") == 1

    async with asyncio.timeout(20):
        while not told(text := await scraped(router)):
            await asyncio.sleep(0.1)
    expected = {
        ("received_total",): 3,
        ("duplicates_total",): 1,
        ("accepted_total", "type", "ORDER_CHANGE"): 1,
        ("unrouted_total", "type", "STRANGE"): 1,
        ("rule_hits_total", "rule", "all"): 1,
        ("push_seconds_count",): 3,
        ("delivery_seconds_count", "handler", "erp"): 1,
        ("attempt_seconds_count", "handler", "erp"): 1,
        ("inbox_notifications",): 2,
        ("config_last_reload_successful",): 1,
        ("lane_concurrency", "handler", "erp"): 8,
    }
    for (name, *labels), number in expected.items():
        assert value(text, name, **dict([labels] if labels else [])) == number, name
    assert value(text, "attempts_total", handler="erp", outcome="done") == 1
    assert value(text, "deliveries_total", handler="erp", state="done") == 1
    assert value(text, "breaker_state", handler="erp", state="closed") == 1
    assert (value(text, "commit_seconds_count") or 0) >= 3
    assert (value(text, "commit_jobs_sum") or 0) >= 3
    assert (value(text, "last_notification_timestamp_seconds") or 0) > 1_700_000_000
    assert "_created" not in text


async def test_what_waits_has_an_age(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    sink.behave(Behaviour(status=503))
    router = await start_router(write_rules(forward_to("erp", 'retry = { first = "1h", most = "1h" }') + RULE))
    await sns.publish(router.url, order())
    async with asyncio.timeout(20):
        while not value(text := await scraped(router), "inbox_oldest_age_seconds", handler="erp", state="waiting"):
            await asyncio.sleep(0.1)
    assert value(text, "inbox_deliveries", handler="erp", state="waiting") == 1


async def test_what_never_comes_as_far_as_judgement_is_counted(
    start_router: Any, write_rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNS_PASSWORD", "right")
    server = 'basic_auth = { username = "sns", password = { env = "SNS_PASSWORD" } }\nmax_body = "1KiB"'
    router = await start_router(write_rules("", server=server))
    wrong = {"Authorization": "Basic " + base64.b64encode(b"sns:wrong").decode()}
    right = {"Authorization": "Basic " + base64.b64encode(b"sns:right").decode()}
    async with aiohttp.ClientSession() as client:
        for headers, body in [({}, b"{}"), (wrong, b"{}"), (right, b"x" * 2048)]:
            async with client.post(router.url, data=body, headers=headers):
                pass
    text = await scraped(router)
    assert value(text, "refused_total", reason="basic_auth") == 1
    assert value(text, "refused_total", reason="too_large") == 1
    assert value(text, "received_total") == 2


async def test_a_sender_of_many_types_makes_few_series(start_router: Any, write_rules: Any, sns: SimulatedSns) -> None:
    router = await start_router(write_rules(""))
    for number in range(250):
        await sns.publish(router.url, order(f"KIND_{number}"))
    await sns.publish(router.url, order("X" * 1000))
    text = await scraped(router)
    kinds = [name for name, _ in values(text) if name == "spapi_router_accepted_total"]
    assert len(kinds) == 201
    assert value(text, "accepted_total", type="other") == 51


async def test_a_refused_reload_is_seen(start_router: Any, write_rules: Any) -> None:
    router = await start_router(write_rules(""))
    router.rules.write_text("[nonsense]\n")
    await router.daemon.reload(router.parts)
    assert value(await scraped(router), "config_last_reload_successful") == 0
    router.rules.write_text(write_rules(""))
    await router.daemon.reload(router.parts)
    assert value(await scraped(router), "config_last_reload_successful") == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_prometheus_finds_no_fault_in_names_and_units(
    start_router: Any, write_rules: Any, forward_to: Any, sink: Sink
) -> None:
    router = await start_router(write_rules(forward_to() + RULE))
    text = await scraped(router)
    assert await asyncio.to_thread(faults, text) == ""
