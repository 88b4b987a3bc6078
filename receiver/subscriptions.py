"""Subscription messages: confirming the daemon's own, remembering each with its state, warning of an end."""

import logging
from collections.abc import Callable
from typing import Protocol

from receiver.alarms import Alarms
from receiver.errors import Refused, Unavailable
from receiver.events import log
from receiver.inbox import Inbox, Subscription
from receiver.sns import SnsMessage

_logger = logging.getLogger(__name__)


class Confirm(Protocol):
    """Confirms a verified message's subscription and returns its ARN. Raises Refused or Unavailable."""

    async def __call__(self, message: SnsMessage) -> str: ...


class Subscriptions:
    """What happens to SubscriptionConfirmation and UnsubscribeConfirmation messages once they are verified."""

    def __init__(
        self, inbox: Inbox, confirm: Confirm, *, auto_confirm: bool, clock: Callable[[], float], alarms: Alarms
    ) -> None:
        self._inbox = inbox
        self._confirm = confirm
        self._auto_confirm = auto_confirm
        self._clock = clock
        self._alarms = alarms

    async def take(self, message: SnsMessage) -> str:
        """Act on the message; the outcome is `confirmed`, `pending` or `unsubscribed`.

        Raises Refused or Unavailable where the confirmation failed: the subscription is then kept as pending.
        """
        if message.type == "UnsubscribeConfirmation":
            return await self._unsubscribed(message)
        if not self._auto_confirm:
            await self._pending(message, "sns.auto_confirm is off: confirm it in the SNS console")
            return "pending"
        try:
            arn = await self._confirm(message)
        except (Refused, Unavailable) as error:
            await self._pending(message, error.detail)
            raise
        await self._save(message.topic, arn, "confirmed", "")
        log(_logger, logging.INFO, "subscription_confirmed", topic=message.topic, arn=arn)
        return "confirmed"

    async def _pending(self, message: SnsMessage, why: str) -> None:
        await self._save(message.topic, "", "pending", why)
        log(_logger, logging.WARNING, "subscription_pending", topic=message.topic, reason=why)
        self._alarms.subscription_pending(message.topic, why)

    async def _unsubscribed(self, message: SnsMessage) -> str:
        cure = "notifications of this topic will not arrive any more: subscribe again if that was not meant"
        await self._save(message.topic, "", "unsubscribed", cure)
        log(
            _logger,
            logging.WARNING,
            "subscription_ended",
            topic=message.topic,
            message_id=message.message_id,
            cure=cure,
        )
        return "unsubscribed"

    async def _save(self, topic: str, arn: str, state: str, detail: str) -> None:
        await self._inbox.save_subscription(Subscription(topic, arn, state, self._clock(), detail))
