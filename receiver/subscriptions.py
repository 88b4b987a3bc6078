"""Subscription messages: confirming the daemon's own, remembering each with its state, warning of an end.

A message that SNS signed stays signed: whoever has one can send it again and again. It is acted on once, and by none is
undone what SNS has said of its topic since.
"""

import logging
from collections import OrderedDict
from copy import copy
from typing import Protocol

from receiver.alarms import Alarms
from receiver.errors import Refused, Unavailable
from receiver.events import log
from receiver.inbox import Inbox, Subscription
from receiver.sns import SnsMessage

_logger = logging.getLogger(__name__)
_MOST_KNOWN = 1000
_LATE = 3600.0
"""Seconds for which SNS tries a message at most.

Until then one may be the first that is heard of a subscription, which the end of another one to the same topic has
overtaken: its URL was changed, say. Nor have SNS's machines one clock.
"""


class Confirm(Protocol):
    """Confirms a verified message's subscription and returns its ARN. Raises Refused or Unavailable."""

    async def __call__(self, message: SnsMessage) -> str: ...


class Subscriptions:
    """What happens to SubscriptionConfirmation and UnsubscribeConfirmation messages once they are verified."""

    def __init__(self, inbox: Inbox, confirm: Confirm, *, auto_confirm: bool, alarms: Alarms) -> None:
        self._inbox = inbox
        self._confirm = confirm
        self._auto_confirm = auto_confirm
        self._alarms = alarms
        self._under_way: set[str] = set()
        self._known: OrderedDict[str, Refused | None] = OrderedDict()
        """Messages that were acted on lately, by their ids, with why they were refused."""

    async def take(self, message: SnsMessage) -> str:
        """Act on the message; the outcome is `confirmed`, `pending`, `unsubscribed`, or `duplicate` for nothing done.

        Raises Refused or Unavailable where the confirmation failed: the subscription is then kept as pending.
        """
        id_ = message.message_id
        if id_ in self._under_way:
            raise Unavailable("confirmation_unavailable", "this message is being acted on already", retry_after=5)
        if id_ in self._known:
            return self._again(id_)
        self._under_way.add(id_)
        try:
            outcome = await self._act(message)
        except Refused as error:
            self._know(id_, copy(error))
            raise
        finally:
            self._under_way.discard(id_)
        self._know(id_, None)
        return outcome

    def _again(self, id_: str) -> str:
        refused = self._known[id_]
        if refused is not None:
            # One that is raised again and again would keep what was at hand each time.
            raise copy(refused)
        return "duplicate"

    def _know(self, id_: str, refused: Refused | None) -> None:
        self._known[id_] = refused
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    async def _act(self, message: SnsMessage) -> str:
        last = next((each for each in await self._inbox.subscriptions() if each.topic == message.topic), None)
        if last is not None and _is_outdated(message, last):
            cure = "SNS has said something else of this topic since: subscribe again if that was not meant"
            facts = {"topic": message.topic, "message_id": message.message_id, "type": message.type}
            log(_logger, logging.WARNING, "subscription_outdated", **facts, state=last.state, cure=cure)
            return "duplicate"
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
        # Of two subscriptions to one topic the older may be confirmed last.
        said_at = max(message.timestamp, last.changed_at if last and last.state == "confirmed" else 0.0)
        await self._save(message.topic, arn, "confirmed", said_at)
        log(_logger, logging.INFO, "subscription_confirmed", topic=message.topic, arn=arn)
        return "confirmed"

    async def _pending(self, message: SnsMessage, why: str) -> None:
        await self._save(message.topic, "", "pending", message.timestamp, why)
        log(_logger, logging.WARNING, "subscription_pending", topic=message.topic, reason=why)
        self._alarms.subscription_pending(message.topic, why)

    async def _unsubscribed(self, message: SnsMessage) -> str:
        cure = "notifications of this topic will not arrive any more: subscribe again if that was not meant"
        await self._save(message.topic, "", "unsubscribed", message.timestamp, cure)
        log(
            _logger,
            logging.WARNING,
            "subscription_ended",
            topic=message.topic,
            message_id=message.message_id,
            cure=cure,
        )
        return "unsubscribed"

    async def _save(self, topic: str, arn: str, state: str, said_at: float, detail: str = "") -> None:
        """Keep the state with the time at which SNS said it, by which later words are told from earlier ones."""
        await self._inbox.save_subscription(Subscription(topic, arn, state, said_at, detail))


def _is_outdated(message: SnsMessage, last: Subscription) -> bool:
    """Whether a message says what is over. A confirmation is not, where another subscription was confirmed since."""
    if message.type == "UnsubscribeConfirmation":
        return last.state != "pending" and message.timestamp <= last.changed_at
    return last.state == "unsubscribed" and message.timestamp < last.changed_at - _LATE
