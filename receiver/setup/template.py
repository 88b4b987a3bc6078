"""The AWS side as a CloudFormation template, in JSON. Source: the CloudFormation template reference."""

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

TWO_WEEKS = 1209600
"""Seconds: the longest that SQS keeps a message."""

Resources = dict[str, dict[str, Any]]


def template(route: Route) -> dict[str, Any]:
    """The template. It is deployed with `--capabilities CAPABILITY_NAMED_IAM`."""
    arns = _arns(route)
    resources = _shared(route, arns)
    outputs = {"TopicArn": {"Description": "for `topics` under [sns] of the rules file", "Value": arns.topic}}
    if route.event_source is not None:
        resources |= _events(route, arns)
    if route.queue_name is not None:
        resources |= _queue(route, arns)
        outputs["QueueArn"] = {"Description": "for `spapi-router subscribe --sqs`", "Value": arns.queue}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Carries notifications of Amazon's Selling Partner API to spapi-router by SNS",
        "Parameters": {
            "Endpoint": {
                "Type": "String",
                "Default": route.endpoint,
                "AllowedPattern": "https://.+",
                "NoEcho": True,
                "Description": "The URL that SNS pushes to; USER:PASSWORD@ may stand before the host",
            }
        },
        "Resources": resources,
        "Outputs": outputs,
    }


def _arns(route: Route) -> Arns:
    queue, bus = route.queue_name is not None, route.event_source is not None
    return Arns(
        topic={"Ref": "Topic"},
        dead_letters=_arn("DeadLetters"),
        account_id={"Ref": "AWS::AccountId"},
        root={"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"},
        queue=_arn("Queue") if queue else None,
        # Spelt out: the pipe needs its role, so the role cannot refer to the pipe.
        pipe={"Fn::Sub": f"arn:aws:pipes:${{AWS::Region}}:${{AWS::AccountId}}:pipe/{route.name}"} if queue else None,
        role=_arn("PipeRole") if queue else None,
        rule=_arn("Rule") if bus else None,
    )


def _shared(route: Route, arns: Arns) -> Resources:
    return {
        "Topic": _resource("SNS::Topic", TopicName=route.name, SignatureVersion="2"),
        "TopicPolicy": _resource("SNS::TopicPolicy", Topics=[arns.topic], PolicyDocument=topic_policy(arns)),
        "DeadLetters": _resource(
            "SQS::Queue", QueueName=route.dead_letters_name, MessageRetentionPeriod=TWO_WEEKS, SqsManagedSseEnabled=True
        ),
        "DeadLettersPolicy": _resource(
            "SQS::QueuePolicy", Queues=[{"Ref": "DeadLetters"}], PolicyDocument=dead_letter_policy(arns)
        ),
        "Subscription": {
            **_resource(
                "SNS::Subscription",
                TopicArn=arns.topic,
                Protocol="https",
                Endpoint={"Ref": "Endpoint"},
                DeliveryPolicy=DELIVERY,
                RedrivePolicy={"deadLetterTargetArn": arns.dead_letters},
            ),
            "DependsOn": ["DeadLettersPolicy"],
        },
    }


def _events(route: Route, arns: Arns) -> Resources:
    target = {
        "Id": "topic",
        "Arn": arns.topic,
        "DeadLetterConfig": {"Arn": arns.dead_letters},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
    }
    return {
        "Bus": _resource("Events::EventBus", Name=route.event_source, EventSourceName=route.event_source),
        "Rule": _resource(
            "Events::Rule",
            Name=route.name,
            EventBusName={"Ref": "Bus"},
            EventPattern={"source": [route.event_source]},
            State="ENABLED",
            Targets=[target],
        ),
    }


def _queue(route: Route, arns: Arns) -> Resources:
    return {
        "Queue": _resource(
            "SQS::Queue",
            QueueName=route.queue_name,
            MessageRetentionPeriod=TWO_WEEKS,
            VisibilityTimeout=60,
            SqsManagedSseEnabled=True,
            RedrivePolicy={"deadLetterTargetArn": arns.dead_letters, "maxReceiveCount": 100},
        ),
        "QueuePolicy": _resource("SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument=queue_policy(arns)),
        "PipeRole": _resource(
            "IAM::Role",
            RoleName=route.role_name,
            AssumeRolePolicyDocument=pipe_trust(arns),
            Policies=[{"PolicyName": "carry", "PolicyDocument": pipe_permissions(arns)}],
        ),
        "Pipe": _resource(
            "Pipes::Pipe",
            Name=route.name,
            RoleArn=arns.role,
            Source=arns.queue,
            SourceParameters={"SqsQueueParameters": {"BatchSize": 1}},
            Target=arns.topic,
        ),
    }


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def _arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}
