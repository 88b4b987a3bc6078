"""Alerts of a whole router: what it finds goes where a rule sends it."""

import asyncio
import json
from typing import Any

from receiver.inbox import NotificationFilter
from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns

RULE = '[[rules]]\nname = "alerts"\nmatch.type = [{ prefix = "router.alert." }]\nhandlers = ["ops"]\n'


async def test_a_pending_subscription_is_told_once_over_restarts(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink
) -> None:
    text = write_rules(forward_to("ops") + RULE, sns="auto_confirm = false")
    router = await start_router(text)
    push = sns.messages().subscription_confirmation("t" * 64, sent_at=sns.clock())
    await sns.deliver(router.url, push)
    await router.stop()
    router = await start_router(text)
    await sink.wait_for(1)
    body = json.loads(sink.arrivals[0].body)
    assert body["type"] == "router.alert.subscription_pending"
    payload = body["payload"]
    assert (payload["state"], payload["subject"]) == ("raised", sns.topic)
    assert payload["cure"]
    assert router.parts.instruments.standing()["subscription_pending"] == 1
    await router.stop()
    router = await start_router(text)
    async with asyncio.timeout(20):
        while not router.parts.instruments.standing()["subscription_pending"]:
            await asyncio.sleep(0.02)
    assert len(await router.inbox.notifications(NotificationFilter())) == 1


async def test_without_a_rule_an_alert_is_logged_and_not_kept(
    start_router: Any, write_rules: Any, sns: SimulatedSns, caplog: Any
) -> None:
    text = write_rules('[handlers.log]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n')
    text = text.replace("[sns]\n", "[sns]\nauto_confirm = false\n", 1)
    router = await start_router(text)
    await sns.deliver(router.url, sns.messages().subscription_confirmation("t" * 64, sent_at=sns.clock()))
    await router.stop()
    router = await start_router(text)
    async with asyncio.timeout(20):
        while "alert_raised" not in caplog.messages:
            await asyncio.sleep(0.02)
    assert await router.inbox.notifications(NotificationFilter()) == []


async def test_a_reload_changes_thresholds_at_once(start_router: Any, write_rules: Any) -> None:
    router = await start_router(write_rules(""))
    router.rules.write_text(write_rules("[alerts]\nusage_plan = 0.5\n"))
    await router.daemon.reload(router.parts)
    assert router.parts.instruments.settings.usage_plan == 0.5
