"""The policies of the AWS side: each names one principal, one resource and the actions it needs.

Source: "Set up notifications (Amazon SQS workflow)" of Amazon's SP-API guide for SP-API's principal; "Dead-letter
queues", "Message delivery retries" and "Access control" of the SNS developer guide; "Permissions for EventBridge
Pipes" of the EventBridge user guide. ARNs are texts, or the intrinsic functions of a template.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SPAPI_PRINCIPAL = "arn:aws:iam::437568002678:root"
"""The AWS account by which SP-API writes to queues."""

DELIVERY = {
    "healthyRetryPolicy": {
        "minDelayTarget": 10,
        "maxDelayTarget": 300,
        "numRetries": 17,
        "numNoDelayRetries": 0,
        "numMinDelayRetries": 6,
        "numMaxDelayRetries": 8,
        "backoffFunction": "linear",
    }
}
"""Retries of a push: 6 after 10 s, 3 after ever more, 8 after 300 s. 56 minutes at most; SNS allows 60 in all."""

Statement = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arns:
    """How the parts name each other. None for a part that is not built."""

    topic: Any
    dead_letters: Any
    account_id: Any
    root: Any
    queue: Any = None
    pipe: Any = None
    role: Any = None
    rule: Any = None


def policy(*statements: Statement) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def queue_policy(arns: Arns) -> dict[str, Any]:
    """SP-API may write to the queue."""
    return policy(
        {
            "Sid": "SellingPartnerApi",
            "Effect": "Allow",
            "Principal": {"AWS": SPAPI_PRINCIPAL},
            "Action": ["sqs:SendMessage", "sqs:GetQueueAttributes"],
            "Resource": arns.queue,
        }
    )


def dead_letter_policy(arns: Arns) -> dict[str, Any]:
    """What could not be delivered may be left in the queue: by the topic, and by the rule."""
    statements = [_from_service("Topic", "sns.amazonaws.com", "sqs:SendMessage", arns.dead_letters, arns.topic)]
    if arns.rule is not None:
        statements.append(
            _from_service("Rule", "events.amazonaws.com", "sqs:SendMessage", arns.dead_letters, arns.rule)
        )
    return policy(*statements)


def topic_policy(arns: Arns) -> dict[str, Any]:
    """The rule and the pipe's role may publish, and nobody else by this policy."""
    statements = []
    if arns.rule is not None:
        statements.append(_from_service("Rule", "events.amazonaws.com", "sns:Publish", arns.topic, arns.rule))
    if arns.role is not None:
        # By the account's root with a condition, since a policy that names a role needs the role to be there first.
        statement = {
            "Sid": "Pipe",
            "Effect": "Allow",
            "Principal": {"AWS": arns.root},
            "Action": "sns:Publish",
            "Resource": arns.topic,
            "Condition": {"ArnEquals": {"aws:PrincipalArn": arns.role}},
        }
        statements.append(statement)
    return policy(*statements)


def pipe_trust(arns: Arns) -> dict[str, Any]:
    """The pipe, and no other one, may take its role."""
    return policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pipes.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": arns.account_id},
                "ArnEquals": {"aws:SourceArn": arns.pipe},
            },
        }
    )


def pipe_permissions(arns: Arns) -> dict[str, Any]:
    """The pipe may empty the queue into the topic."""
    return policy(
        {
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            "Resource": arns.queue,
        },
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": arns.topic},
    )


def _from_service(sid: str, service: str, action: str, resource: Any, source: Any) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
