"""Subscription messages that come more than once, late, or after what SNS said since."""

import traceback
from typing import Any, cast

import pytest

from receiver.alarms import Alarms
from receiver.errors import Refused
from receiver.inbox import MemoryInbox
from receiver.notification import Envelope
from receiver.sns import SnsMessage
from receiver.subscriptions import Subscriptions

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api"
HOUR = 3600.0


class Quiet:
    """Alarms that nobody hears."""

    def subscription_pending(self, topic: str, why: str) -> None:
        pass


class Stage:
    """Subscriptions with an inbox, and SNS's answer to a confirmation."""

    def __init__(self) -> None:
        self.inbox = MemoryInbox()
        self.asked = 0
        self.refusal: Refused | None = None
        alarms = cast("Alarms", Quiet())
        self.subscriptions = Subscriptions(self.inbox, self._confirm, auto_confirm=True, alarms=alarms)

    async def _confirm(self, message: SnsMessage) -> str:
        self.asked += 1
        if self.refusal:
            raise self.refusal
        return f"{message.topic}:1"

    async def hear(self, timestamp: float, type_: Any = "SubscriptionConfirmation") -> str:
        id_ = f"{type_} {timestamp}"
        envelope = Envelope(message="", message_id=id_, topic=TOPIC, sent_at=timestamp)
        return await self.subscriptions.take(SnsMessage(type_, id_, TOPIC, timestamp, envelope, "", "", b""))


@pytest.mark.parametrize(("age", "outcome"), [(0.001, "confirmed"), (HOUR, "confirmed"), (HOUR + 1, "duplicate")])
async def test_a_confirmation_that_another_end_has_overtaken_is_redeemed(age: float, outcome: str) -> None:
    """One whose URL was changed never came: the end of the old one was heard of while SNS tried the new one again."""
    stage = Stage()
    assert await stage.hear(10 * HOUR, "UnsubscribeConfirmation") == "unsubscribed"
    assert await stage.hear(10 * HOUR - age) == outcome
    (kept,) = await stage.inbox.subscriptions()
    assert kept.state == ("confirmed" if outcome == "confirmed" else "unsubscribed")


async def test_a_confirmation_that_was_redeemed_is_not_again_after_the_end() -> None:
    stage = Stage()
    assert await stage.hear(9.5 * HOUR) == "confirmed"
    assert await stage.hear(10 * HOUR, "UnsubscribeConfirmation") == "unsubscribed"
    assert await stage.hear(9.5 * HOUR) == "duplicate"
    assert stage.asked == 1


async def test_a_refusal_that_is_said_again_holds_nothing_of_the_times_before() -> None:
    stage = Stage()
    stage.refusal = Refused("confirmation_refused", "SNS did not confirm: 400")
    depths = []
    for _ in range(10):
        with pytest.raises(Refused, match="SNS did not confirm: 400") as told:
            await stage.hear(HOUR)
        depths.append(len(traceback.extract_tb(told.value.__traceback__)))
    assert stage.asked == 1
    assert len(set(depths[1:])) == 1
