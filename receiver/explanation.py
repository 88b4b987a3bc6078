"""What would become of a notification: which rules match it and why not the others, and each request of a handler."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from handlers.base import Delivery, Handler, HandlerContext, HandlerError, Request
from receiver.config import Configuration
from receiver.dispatcher.claims import Unreadable, delivery_of
from receiver.errors import RouterError
from receiver.inbox.identity import webhook_id, webhook_key
from receiver.inbox.store import Claim, DeliveryRow, NotificationRow, Route
from receiver.internal import asked_routes, asking_rules
from receiver.notification import INTERNAL_TOPIC, Envelope, Notification, attribute_values, read
from receiver.rules import Condition, Table, Verdict
from receiver.times import parse_time


class UnreadableMessage(RouterError):
    """The message to explain cannot be read."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One delivery that a notification would make."""

    route: Route
    requests: tuple[Request, ...] = ()
    error: str = ""
    """Why it would be dead at once."""
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that the rules file makes of one notification."""

    notification: Notification
    verdicts: tuple[Verdict, ...]
    deliveries: tuple[Planned, ...] = field(default_factory=tuple)


class Explainer:
    """Explains notifications by one rules file. Builds the handlers without starting them; nothing is sent."""

    def __init__(self, config: Configuration) -> None:
        self._config = config
        self._table = Table(config.rules)
        self._handlers: dict[str, Handler[Any]] = {}

    def explain(self, notification: Notification) -> Explanation:
        """Never raises: what cannot be rendered is said in the delivery's `error`."""
        verdicts = self._table.explain(notification)
        if notification.envelope.topic == INTERNAL_TOPIC:
            verdicts = self._own_verdicts(notification, verdicts)
        planned = tuple(self._plan(notification, route) for route in self.routes(notification))
        return Explanation(notification, tuple(verdicts), planned)

    def explain_text(self, text: str, topic: str = "") -> list[Explanation]:
        """Explains the notifications in a message, without the fields that `[privacy]` takes out before rules see them.

        Raises UnreadableMessage.
        """
        notifications = read_message(text, topic)
        redaction = self._config.privacy.redaction() if self._config.privacy else None
        try:
            seen = redaction.seen(notifications) if redaction else notifications
        except ValueError as error:
            raise UnreadableMessage(str(error)) from None
        return [self.explain(each) for each in seen]

    def routes(self, notification: Notification) -> tuple[Route, ...]:
        """The deliveries alone."""
        if notification.envelope.topic == INTERNAL_TOPIC:
            return asked_routes(self._config.rules, notification)
        return self._table.route(notification)

    def preview(self, kept: NotificationRow, row: DeliveryRow) -> Planned | None:
        """What an attempt of a kept delivery sends by these rules; None where they have no handler of its name."""
        if row.handler not in self._config.handlers:
            return None
        route = Route(row.rule, row.handler, row.key)
        try:
            return self._planned(delivery_of(_claim(kept, row)), route)
        except Unreadable as error:
            return Planned(route, error=str(error))

    def _own_verdicts(self, notification: Notification, plain: list[Verdict]) -> list[Verdict]:
        """The verdicts on a notification of the daemon's own, for which only rules count that ask for its type."""
        asking = asking_rules(self._config.rules, notification)
        asked = {each.rule.name: each for each in Table(asking).explain(notification)}
        hint = "only a rule that asks for its type gets what the daemon tells of itself"
        unasked = Condition("type", "a rule that names it", json.dumps(notification.type), hint)
        return [
            asked.get(each.rule.name, Verdict(each.rule, matched=False, fired=False, failed=each.failed or unasked))
            for each in plain
        ]

    def _plan(self, notification: Notification, route: Route) -> Planned:
        if route.dead:
            return Planned(route, error=route.dead, then=self._config.handlers[route.handler].options.then)
        return self._planned(_delivery(notification, route), route)

    def _planned(self, delivery: Delivery, route: Route) -> Planned:
        then = self._config.handlers[route.handler].options.then
        try:
            requests = self._handler(route.handler).preview(delivery)
        except HandlerError as error:
            return Planned(route, error=str(error), then=then)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything, and all else is to be seen
            return Planned(route, error=f"{type(error).__name__}: {error}", then=then)
        return Planned(route, tuple(requests), then=then)

    def _handler(self, name: str) -> Handler[Any]:
        if name not in self._handlers:
            spec = self._config.handlers[name]
            state = self._config.inbox.database.parent / "handlers" / name
            context = HandlerContext(name, logging.getLogger(f"handlers.{name}"), time.time, state)
            self._handlers[name] = spec.factory(spec.settings, context)
        return self._handlers[name]


def read_message(text: str, topic: str = "") -> list[Notification]:
    """The notifications in a captured SNS message, a bare notification, an EventBridge event or an SQS record.

    Raises UnreadableMessage where the text is not JSON.
    """
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableMessage(f"the message is not JSON: {error}") from None
    if isinstance(body, Mapping) and {"Type", "Message", "TopicArn"} <= body.keys():
        return read(_sns_envelope(body))
    return read(Envelope(text, "00000000-0000-0000-0000-000000000000", topic, time.time()))


def _sns_envelope(body: Mapping[str, Any]) -> Envelope:
    if body["Type"] != "Notification":
        text = "no rule is asked for it: the daemon itself answers messages about subscriptions"
        raise UnreadableMessage(f"the SNS message is of type {json.dumps(body['Type'])}, and no notification; {text}")
    names = ("Message", "TopicArn", "MessageId")
    wrong = next((name for name in names if not isinstance(body.get(name), str)), None)
    if wrong:
        raise UnreadableMessage(f"the SNS message has no text in {wrong}")
    attributes = body.get("MessageAttributes")
    subject = body.get("Subject")
    return Envelope(
        body["Message"],
        body["MessageId"],
        body["TopicArn"],
        parse_time(body.get("Timestamp")) or time.time(),
        subject if isinstance(subject, str) else None,
        attribute_values(attributes) if isinstance(attributes, Mapping) and attributes else None,
    )


def _delivery(notification: Notification, route: Route) -> Delivery:
    key = webhook_key(notification.dedup_key, route.rule, route.handler)
    return Delivery(
        id=0,
        webhook_id=webhook_id(key),
        rule=route.rule,
        handler=route.handler,
        attempt=1,
        key=route.key,
        event_time=notification.event_time,
        created_at=time.time(),
        document=notification.document,
    )


def _claim(kept: NotificationRow, row: DeliveryRow) -> Claim:
    """A kept delivery as its next attempt would get it."""
    return Claim(
        id=row.id,
        notification_id=row.notification_id,
        webhook_id=row.webhook_id,
        rule=row.rule,
        handler=row.handler,
        run=0,
        attempt=row.attempts + 1,
        key=row.key,
        event_time=row.event_time,
        created_at=row.created_at,
        leased_until=0.0,
        notification_body=kept.body,
        notification_part=kept.part,
        body=row.body,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """A kept notification that another rules file would route otherwise."""

    id: int
    type: str
    gone: tuple[str, ...]
    """`rule -> handler` that would not happen any more."""
    new: tuple[str, ...]


def differences(kept: Iterator[tuple[int, Notification]], current: Explainer, other: Explainer) -> Iterator[Difference]:
    """What a changed rules file would do otherwise with notifications that were kept."""
    for id_, notification in kept:
        before = _ways(current.routes(notification))
        after = _ways(other.routes(notification))
        if before != after:
            gone = tuple(way for way in before if way not in after)
            new = tuple(way for way in after if way not in before)
            yield Difference(id_, notification.type, gone, new)


def _ways(routes: tuple[Route, ...]) -> list[str]:
    return [_way(route) for route in routes]


def _way(route: Route) -> str:
    key = f" (key {route.key})" if route.key else ""
    return f"{route.rule} -> {route.handler}{key}{' dead at once' if route.dead else ''}"
