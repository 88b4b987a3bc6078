"""Amazon SNS in miniature: subscribes an endpoint, waits for its confirmation and publishes signed messages to it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import orjson

from receiver.simulators.errors import NotConfirmed
from receiver.simulators.listener import Listener
from receiver.simulators.sns.authority import Authority
from receiver.simulators.sns.flavour import Flavour
from receiver.simulators.sns.messages import Push, Topic, region_of
from receiver.simulators.sns.sender import Answer, Policy, Sender
from receiver.simulators.sns.service import Service
from receiver.simulators.sns.subscriptions import Status, Subscription, Subscriptions
from receiver.simulators.sns.target import shown

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-notifications"
_ASK_AGAIN = 0.5


class SimulatedSns:
    """A stand-in for one SNS topic, for demos and integration tests of any receiver.

        async with SimulatedSns() as sns:
            ...                                         # tell the receiver sns.signer(path) and sns.topic
            await sns.subscribe("http://127.0.0.1:8080/sns")
            answer = await sns.publish("http://127.0.0.1:8080/sns", {"NotificationType": "ORDER_CHANGE"})

    `flavour` gives it the habits of Amazon SNS or of LocalStack; `url` is where the receiver reaches it, if that is
    not where it listens; `sender` holds the delivery policy and the trust in an https endpoint. Raises SimulationError
    for a topic or an address that is none, and when it cannot listen.
    """

    def __init__(
        self,
        *,
        topic: str = TOPIC,
        flavour: Flavour = Flavour.AWS,
        signature_version: str = "1",
        authority: Authority | None = None,
        listen: str = "127.0.0.1:0",
        url: str | None = None,
        sender: Sender | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        region_of(topic)
        self.topic = topic
        self.flavour = flavour
        self.authority = authority or new_authority(flavour)
        self.subscriptions = Subscriptions(flavour)
        self._signature_version = signature_version
        self._url = url
        self.clock = clock
        self._sender = sender or Sender(Policy())
        service = Service(self.authority, flavour, self.subscriptions, self._send_unsubscribe_confirmation)
        self._listener = Listener(service.application(), listen)
        self._stranger = f"{topic}:{uuid4()}"
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[Answer]] = set()

    async def __aenter__(self) -> Self:
        async with self._stack:
            await self._stack.enter_async_context(self._listener)
            await self._stack.enter_async_context(self._sender)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """The base of all URLs in its messages, with a slash at the end."""
        return self._url or self._listener.url

    @property
    def certificate(self) -> bytes:
        """The signing certificate, PEM."""
        return self.authority.certificate

    def signer(self, certificate: str) -> str:
        """The lines for rules.toml that make spapi-router accept this stand-in; `certificate` is the PEM's path."""
        return f"[[sns.signers]]\nurl = {_quoted(self.url)}\ncertificate = {_quoted(certificate)}\n"

    def messages(self) -> Topic:
        """The writer of the topic's messages, to make some that are sent by other means, or spoiled first."""
        return Topic(self.topic, self.url, self.authority, self.flavour, self._signature_version)

    async def subscribe(self, endpoint: str, *, within: float = 10.0) -> Subscription:
        """Send the SubscriptionConfirmation and wait until the endpoint has confirmed it.

        An endpoint that is not there yet or answers with a server error is asked again, for `within` seconds in all.
        Raises NotConfirmed.
        """
        subscription = self.subscriptions.add(self.topic, endpoint)
        answer = Answer(None, "no answer in time", 0.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                answer = await self._ask(subscription)
                while answer.retryable:
                    await asyncio.sleep(_ASK_AGAIN)
                    answer = await self._ask(subscription)
                if answer.taken:
                    await subscription.changed.wait()
        if subscription.status is Status.PENDING:
            raise NotConfirmed(_not_confirmed(subscription, answer, within))
        return subscription

    async def publish(
        self,
        endpoint: str,
        message: str | Mapping[str, Any],
        *,
        message_id: str | None = None,
        subject: str | None = None,
        attributes: Mapping[str, str] | None = None,
        sent_at: float | None = None,
    ) -> Answer:
        """Push a message to the endpoint, again by the policy; a mapping goes as its JSON text.

        Raises NotConfirmed where LocalStack is played and the endpoint has not confirmed: it would send nothing.
        """
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        push = self.messages().notification(
            text,
            subscription=self.subscription_arn(endpoint),
            sent_at=self.clock() if sent_at is None else sent_at,
            message_id=message_id,
            subject=subject,
            attributes=attributes,
        )
        return await self._sender.deliver(endpoint, push)

    async def deliver(self, endpoint: str, push: Push) -> Answer:
        """Push what `messages` wrote, again by the policy."""
        return await self._sender.deliver(endpoint, push)

    async def unsubscribe(self, endpoint: str) -> Answer:
        """End the endpoint's subscription and send it the UnsubscribeConfirmation. Raises NotConfirmed."""
        subscription = self.subscriptions.confirmed(endpoint)
        if subscription is None:
            raise NotConfirmed(f"{shown(endpoint)} has no confirmed subscription to end")
        self.subscriptions.remove(subscription.arn)
        return await self._deliver_unsubscribe_confirmation(subscription)

    def subscription_arn(self, endpoint: str) -> str:
        """The ARN that messages to an endpoint carry. Raises NotConfirmed as `publish` does."""
        if subscription := self.subscriptions.confirmed(endpoint):
            return subscription.arn
        if self.flavour is Flavour.LOCALSTACK:
            raise NotConfirmed(f"{shown(endpoint)} has not confirmed its subscription, so LocalStack sends it nothing")
        return self._stranger

    async def _ask(self, subscription: Subscription) -> Answer:
        push = self.messages().subscription_confirmation(subscription.token, sent_at=self.clock())
        return await self._sender.post(subscription.endpoint, push)

    async def _send_unsubscribe_confirmation(self, subscription: Subscription) -> None:
        """Send it from the background: who asked to unsubscribe is answered first."""
        task = asyncio.create_task(self._deliver_unsubscribe_confirmation(subscription))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_unsubscribe_confirmation(self, subscription: Subscription) -> Answer:
        push = self.messages().unsubscribe_confirmation(
            subscription.token, subscription=subscription.arn, sent_at=self.clock()
        )
        return await self._sender.deliver(subscription.endpoint, push)


def new_authority(flavour: Flavour) -> Authority:
    """A new signing certificate of the kind the flavour has."""
    return Authority.self_signed() if flavour is Flavour.LOCALSTACK else Authority.create()


def _not_confirmed(subscription: Subscription, answer: Answer, within: float) -> str:
    endpoint = shown(subscription.endpoint)
    if answer.taken:
        return (
            f"{endpoint} answered {answer.status} but did not confirm the subscription within {within:g} s: it must "
            f"fetch the SubscribeURL (auto_confirm = true), allow the topic {subscription.topic} and accept this signer"
        )
    if answer.status is None:
        return f"{endpoint} did not take the subscription confirmation: {answer.error} (tried for {within:g} s)"
    return (
        f"{endpoint} refused the subscription confirmation with {answer.status}: {_line(answer.text)} "
        "(are this signer's url and certificate and the topic in its rules file?)"
    )


def _line(text: str) -> str:
    """The beginning of an answer as one printable line."""
    text = " ".join(text.split())[:300] or "no reason given"
    return text if text.isprintable() else ascii(text)[1:-1]


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's."""
    return orjson.dumps(text).decode()
