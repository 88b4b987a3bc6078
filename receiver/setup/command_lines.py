"""The AWS side as lines of the AWS CLI: a shell script that can be run again. Source: the AWS CLI v2 reference."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from receiver.setup.policies import (
    DELIVERY,
    Arns,
    dead_letter_policy,
    pipe_permissions,
    pipe_trust,
    queue_policy,
    topic_policy,
)
from receiver.setup.route import Route
from receiver.setup.template import TWO_WEEKS


def script(route: Route) -> str:
    """The script, for any POSIX shell. It stops at the first line that fails."""
    arns = _arns(route)
    parts = [_head(route), _topic(route, arns)]
    if route.event_source is not None:
        parts.append(_events(route, arns))
    if route.queue_name is not None:
        parts.append(_queue(route, arns))
    parts.append(_subscription(route, arns))
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _arns(route: Route) -> Arns:
    place = f"{route.region}:{route.account_id}"
    queue, bus = route.queue_name, route.event_source
    return Arns(
        topic=route.topic_arn,
        dead_letters=f"arn:aws:sqs:{place}:{route.dead_letters_name}",
        account_id=route.account_id,
        root=f"arn:aws:iam::{route.account_id}:root",
        queue=f"arn:aws:sqs:{place}:{queue}" if queue else None,
        pipe=f"arn:aws:pipes:{place}:pipe/{route.name}" if queue else None,
        role=f"arn:aws:iam::{route.account_id}:role/{route.role_name}" if queue else None,
        rule=f"arn:aws:events:{place}:rule/{bus}/{route.name}" if bus else None,
    )


def _head(route: Route) -> list[str]:
    account, region = shlex.quote(route.account_id), shlex.quote(route.region)
    refusal = shlex.quote(f"these are not credentials of AWS account {route.account_id}")
    return [
        "#!/bin/sh",
        f"# Allow this topic in the rules file first: {route.topic_arn}",
        "set -eu",
        f"export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER=''",
        f'[ "$(aws sts get-caller-identity --query Account --output text)" = {account} ] ||',
        f"  {{ echo {refusal} >&2; exit 1; }}",
    ]


def _topic(route: Route, arns: Arns) -> list[str]:
    attributes = {"MessageRetentionPeriod": str(TWO_WEEKS), "SqsManagedSseEnabled": "true"}
    return [
        "# The topic, and the queue for what cannot be delivered",
        _aws("sns", "create-topic", name=route.name),
        _topic_attribute(route, "SignatureVersion", "2"),
        _topic_attribute(route, "Policy", _json(topic_policy(arns))),
        *_made_queue(route, route.dead_letters_name, attributes | {"Policy": _json(dead_letter_policy(arns))}),
    ]


def _events(route: Route, arns: Arns) -> list[str]:
    source = str(route.event_source)
    target = {
        "Id": "topic",
        "Arn": arns.topic,
        "DeadLetterConfig": {"Arn": arns.dead_letters},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
    }
    return [
        "# From EventBridge to the topic",
        _unless(
            _aws("events", "describe-event-bus", name=source),
            _aws("events", "create-event-bus", name=source, event_source_name=source),
        ),
        _aws("events", "put-rule", name=route.name, event_bus_name=source, event_pattern=_json({"source": [source]})),
        _aws("events", "put-targets", rule=route.name, event_bus_name=source, targets=_json([target])),
    ]


def _queue(route: Route, arns: Arns) -> list[str]:
    attributes = {
        "MessageRetentionPeriod": str(TWO_WEEKS),
        "VisibilityTimeout": "60",
        "SqsManagedSseEnabled": "true",
        "Policy": _json(queue_policy(arns)),
        "RedrivePolicy": _json({"deadLetterTargetArn": arns.dead_letters, "maxReceiveCount": "100"}),
    }
    role, trust = route.role_name, _json(pipe_trust(arns))
    permissions = _json(pipe_permissions(arns))
    return [
        "# From the queue to the topic",
        *_made_queue(route, str(route.queue_name), attributes),
        _unless(
            _aws("iam", "get-role", role_name=role),
            _aws("iam", "create-role", role_name=role, assume_role_policy_document=trust),
        ),
        _aws("iam", "put-role-policy", role_name=role, policy_name="carry", policy_document=permissions),
        _aws("iam", "wait role-exists", role_name=role),
        _unless(
            _aws("pipes", "describe-pipe", name=route.name),
            _aws(
                "pipes",
                "create-pipe",
                name=route.name,
                role_arn=arns.role,
                source=arns.queue,
                source_parameters=_json({"SqsQueueParameters": {"BatchSize": 1}}),
                target=arns.topic,
            ),
        ),
    ]


def _subscription(route: Route, arns: Arns) -> list[str]:
    attributes = {
        "DeliveryPolicy": _json(DELIVERY),
        "RedrivePolicy": _json({"deadLetterTargetArn": arns.dead_letters}),
    }
    return [
        "# From the topic to the daemon, which must be running to confirm it",
        _aws(
            "sns",
            "subscribe",
            topic_arn=arns.topic,
            protocol="https",
            notification_endpoint=route.endpoint,
            attributes=_json(attributes),
        ),
    ]


def _made_queue(route: Route, name: str, attributes: Mapping[str, str]) -> list[str]:
    url = f"https://sqs.{route.region}.amazonaws.com/{route.account_id}/{name}"
    return [
        _unless(_aws("sqs", "get-queue-url", queue_name=name), _aws("sqs", "create-queue", queue_name=name)),
        _aws("sqs", "set-queue-attributes", queue_url=url, attributes=_json(attributes)),
    ]


def _topic_attribute(route: Route, name: str, value: str) -> str:
    return _aws("sns", "set-topic-attributes", topic_arn=route.topic_arn, attribute_name=name, attribute_value=value)


def _unless(check: str, create: str) -> str:
    return f"{check} >/dev/null 2>&1 ||\n  {create}"


def _aws(service: str, command: str, **options: str) -> str:
    """One line; every value is a single word to the shell."""
    words = [f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in options.items()]
    return " ".join(["aws", service, command, *words])


def _json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))
