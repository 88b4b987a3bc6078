"""What became of deliveries: each with its attempts, and with what its handler sends."""

from typing import Any

from receiver.api.explained import PlannedRequest, requests_of
from receiver.api.model import Answer
from receiver.api.values import Moment, moment
from receiver.explanation import Explainer
from receiver.inbox import AttemptRow, DeliveryFilter, DeliveryRow, NotificationRow, SqliteInbox, State

_MOST = 200


class DeliveryItem(Answer):
    """A delivery as listed."""

    id: int
    notification: int
    """The notification's number in the inbox."""
    parent: int | None
    """The delivery whose result it got, in a chain."""
    webhook_id: str
    """What the receiver knows it by, over all attempts and replays."""
    type: str
    rule: str
    handler: str
    key: str | None
    state: State
    attempts: int
    created_at: Moment
    event_time: Moment | None
    due_at: Moment | None
    """When it is to run next, where it waits."""
    finished_at: Moment | None
    reason: str
    """Why it is dead or superseded, or what the last attempt said."""
    superseded_by: int | None


class Attempt(Answer):
    """One attempt of a delivery."""

    number: int
    started_at: Moment
    seconds: float
    outcome: str
    """`done`, `retry`, `dead`, `postponed`, or `lost` where the daemon died during it."""
    status: int | None
    """The answer's HTTP status, or the command's exit code."""
    detail: str
    request_id: str
    response: str
    """The beginning of the answer."""


class DeliveryJourney(DeliveryItem):
    """A delivery with its attempts."""

    history: list[Attempt]
    requests: list[PlannedRequest]
    """What an attempt sends by the rules of today."""
    problem: str
    """Why nothing can be sent by the rules of today; empty where it can."""


async def journeys(inbox: SqliteInbox, explainer: Explainer, row: NotificationRow) -> list[DeliveryJourney]:
    """The deliveries of a notification in the order of their making. Raises Unavailable."""
    rows = await inbox.deliveries(DeliveryFilter(notification_id=row.id, limit=_MOST))
    return [await journey(inbox, explainer, row, each) for each in reversed(rows)]


async def journey(
    inbox: SqliteInbox, explainer: Explainer, row: NotificationRow, delivery: DeliveryRow
) -> DeliveryJourney:
    """One delivery of a notification. Raises Unavailable."""
    return DeliveryJourney(**journey_facts(delivery, await inbox.attempts(delivery.id), explainer, row))


def journey_facts(
    delivery: DeliveryRow, attempts: list[AttemptRow], explainer: Explainer, row: NotificationRow
) -> dict[str, Any]:
    """The fields of a delivery with its attempts."""
    planned = explainer.preview(row, delivery)
    gone = f"the rules file has no handler {delivery.handler}"
    return {
        **facts(delivery),
        "history": [_attempt(each) for each in attempts],
        "requests": requests_of(planned) if planned else [],
        "problem": planned.error if planned else gone,
    }


def facts(row: DeliveryRow) -> dict[str, Any]:
    """The fields of a delivery as listed. What is not to run any more is not due."""
    names = ("id", "webhook_id", "type", "rule", "handler", "key", "state", "attempts", "reason", "superseded_by")
    return {
        **{name: getattr(row, name) for name in names},
        "notification": row.notification_id,
        "parent": row.parent_id,
        "created_at": moment(row.created_at),
        "event_time": moment(row.event_time),
        "due_at": moment(row.due_at) if row.state in {State.WAITING, State.BLOCKED} else None,
        "finished_at": moment(row.finished_at),
    }


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        number=row.number,
        started_at=moment(row.started_at) or "",
        seconds=round(row.ended_at - row.started_at, 3),
        outcome=row.outcome,
        status=row.status,
        detail=row.detail,
        request_id=row.request_id,
        response=row.response.decode("utf-8", "replace"),
    )
