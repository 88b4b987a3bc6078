"""What the rules make of a message: `/explain`, and the rules of a notification that was kept."""

import asyncio
from collections.abc import Iterable

from receiver.api.model import Answer, Asked
from receiver.api.operation import Call
from receiver.api.problems import ApiError
from receiver.api.values import Text
from receiver.desk import Desk
from receiver.explanation import Explanation, Planned, UnreadableMessage
from receiver.rules import Verdict

MESSAGE = {
    "type": ["object", "array"],
    "description": "An SNS message, a bare notification, an EventBridge event, an SQS record or a list of these.",
}


class ExplainQuery(Asked):
    """About a message that does not say it itself."""

    topic: Text = ""
    """The ARN of its topic."""


class FailedCondition(Answer):
    """The first condition of a rule that a message does not fulfil."""

    path: str
    wanted: str
    """The pattern's list for the field, as JSON."""
    seen: str
    """What the message has there, as JSON; `absent` for nothing."""
    hint: str


class ExplainedRule(Answer):
    """What became of a rule."""

    rule: str
    matched: bool
    fired: bool
    """False too where it matched but is not enabled, or an earlier rule ended the search."""
    enabled: bool
    failed: FailedCondition | None


class PlannedRequest(Answer):
    """What a handler would send. Secrets are replaced by `***`."""

    summary: str
    headers: dict[str, str]
    body: str | None


class PlannedDelivery(Answer):
    """A delivery that a message would make."""

    rule: str
    handler: str
    key: str | None
    requests: list[PlannedRequest]
    error: str
    """Why it would be dead at once; empty where it would not."""
    then: list[str]
    """The handlers that would get its result."""


class ExplainedNotification(Answer):
    """A notification in the message, with all that the rules make of it."""

    type: str
    notification_id: str
    seller_id: str
    marketplace_id: str
    rules: list[ExplainedRule]
    deliveries: list[PlannedDelivery]


class ExplainedMessage(Answer):
    """A message explained. Nothing was kept or sent."""

    notifications: list[ExplainedNotification]


class Explain:
    """`/explain`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def explain(self, call: Call) -> ExplainedMessage:
        """Say what would become of a message. Raises ApiError."""
        query: ExplainQuery = call.query
        return await asyncio.to_thread(self._explained, call.body, query.topic)

    def _explained(self, body: bytes, topic: str) -> ExplainedMessage:
        text = _text(body)
        explainer = self._desk.explainer()
        try:
            found = explainer.explain_text(text, topic)
            return ExplainedMessage(notifications=[_notification(each) for each in found])
        except UnreadableMessage as error:
            raise ApiError(422, "unreadable", str(error)) from None
        except RecursionError:
            raise ApiError(422, "unreadable", "the message is nested too deep") from None


def rules_of(verdicts: Iterable[Verdict]) -> list[ExplainedRule]:
    """What became of each rule, in the order of the rules file."""
    return [
        ExplainedRule(
            rule=each.rule.name,
            matched=each.matched,
            fired=each.fired,
            enabled=each.rule.enabled,
            failed=FailedCondition(
                path=each.failed.path, wanted=each.failed.wanted, seen=each.failed.seen, hint=each.failed.hint
            )
            if each.failed
            else None,
        )
        for each in verdicts
    ]


def requests_of(planned: Planned) -> list[PlannedRequest]:
    """What a delivery would send."""
    return [
        PlannedRequest(summary=each.summary, headers=dict(each.headers), body=each.body) for each in planned.requests
    ]


def _text(body: bytes) -> str:
    """The message, which must be a JSON object or a list of them. Raises ApiError."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ApiError(400, "bad_json", "the body is not UTF-8") from None
    if not text.lstrip(" \t\r\n").startswith(("{", "[")):
        raise ApiError(422, "unreadable", "the message must be a JSON object, or a list of SQS records")
    return text


def _notification(explanation: Explanation) -> ExplainedNotification:
    notification = explanation.notification
    return ExplainedNotification(
        type=notification.type,
        notification_id=notification.notification_id,
        seller_id=notification.seller_id,
        marketplace_id=notification.marketplace_id,
        rules=rules_of(explanation.verdicts),
        deliveries=[_delivery(each) for each in explanation.deliveries],
    )


def _delivery(planned: Planned) -> PlannedDelivery:
    route = planned.route
    return PlannedDelivery(
        rule=route.rule,
        handler=route.handler,
        key=route.key,
        requests=requests_of(planned),
        error=planned.error,
        then=list(planned.then),
    )
