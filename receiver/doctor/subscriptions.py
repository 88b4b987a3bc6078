"""Whether what the rules file allows is subscribed, and no subscription waits or is refused."""

from collections.abc import Collection, Sequence

from receiver.config import Configuration
from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.errors import BadMessage
from receiver.inbox import NotificationFilter, SqliteInbox, Subscription
from receiver.sns import TopicList, parse_topic_arn

_LOOKED_AT = 200
_SUBSCRIBE = "subscribe this daemon's URL to the topic: aws sns subscribe --topic-arn ARN --protocol https …"


async def topics_subscribed(patient: Patient) -> Sequence[Result]:
    """Compares `sns.topics` with the subscriptions that the daemon knows, and with where notifications came from."""
    if patient.inbox is None:
        return [skipped("there is no inbox to read")]
    kept = await patient.inbox.subscriptions()
    heard = await _heard(patient.inbox, patient.config)
    results = [_state(subscription, patient.config, heard) for subscription in kept]
    alive = {each.topic for each in kept if each.state == "confirmed"} | heard
    results += [_pattern(pattern, alive) for pattern in patient.config.sns.topics]
    return [result for result in results if result] or [ok(f"{len(alive)} topics, all allowed")]


def _state(subscription: Subscription, config: Configuration, heard: Collection[str]) -> Result | None:
    topic = subscription.topic
    allowed = _allows(config.sns.topics, topic)
    if subscription.state == "confirmed" and not allowed:
        return finding(
            f"{topic} is subscribed, and sns.topics does not allow it: its messages are refused with 403",
            "allow it in sns.topics, or delete the subscription: aws sns unsubscribe "
            f"--subscription-arn {subscription.arn}",
        )
    if subscription.state == "pending" and topic not in heard:
        return finding(
            f"the subscription to {topic} waits for its confirmation: {subscription.detail}",
            "confirm it, or have SNS ask again: subscribe the same URL once more",
        )
    if subscription.state == "unsubscribed" and allowed:
        return warning(f"the subscription to {topic} was ended", f"if that was not meant, {_SUBSCRIBE}")
    return None


def _pattern(pattern: str, alive: Collection[str]) -> Result | None:
    if any(_allows([pattern], topic) for topic in alive):
        return None
    return finding(f"no subscription is confirmed for a topic like {pattern}, and nothing came from one", _SUBSCRIBE)


def _allows(patterns: Sequence[str], topic: str) -> bool:
    try:
        return TopicList(patterns).allows(parse_topic_arn(topic))
    except BadMessage:
        return False


async def _heard(inbox: SqliteInbox, config: Configuration) -> set[str]:
    """Topics that something came from: it shows that a subscription is confirmed, whoever did that."""
    rows = await inbox.notifications(NotificationFilter(limit=_LOOKED_AT))
    named = [pattern for pattern in config.sns.topics if not set("*?") & set(pattern)]
    for topic in {*named, *(each.topic for each in await inbox.subscriptions())}:
        rows += await inbox.notifications(NotificationFilter(topic=topic, limit=1))
    return {row.topic for row in rows}
