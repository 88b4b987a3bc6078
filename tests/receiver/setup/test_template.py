"""The printed template: whole, least privilege, and the same policies as the command lines."""

import json
from collections.abc import Iterator
from typing import Any

from receiver.setup.policies import DELIVERY
from receiver.setup.route import Route
from receiver.setup.template import template

PSEUDO = {"AWS::AccountId", "AWS::Region"}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(part)


def statements(document: Any) -> list[dict[str, Any]]:
    return [node for node in nodes(document) if "Effect" in node]


def test_every_reference_resolves(route: Route) -> None:
    printed = json.loads(json.dumps(template(route)))
    resources = printed["Resources"]
    known = resources.keys() | printed["Parameters"].keys() | PSEUDO
    found = list(nodes(printed))
    references = {node["Ref"] for node in found if "Ref" in node}
    attributes = {tuple(node["Fn::GetAtt"]) for node in found if "Fn::GetAtt" in node}
    depended = {name for item in resources.values() for name in item.get("DependsOn", [])}
    assert references <= known
    assert depended <= resources.keys()
    assert {name for name, _ in attributes} <= resources.keys()
    assert {attribute for _, attribute in attributes} == {"Arn"}
    assert {name for node in found for name in node if name.startswith("Fn::")} <= {"Fn::GetAtt", "Fn::Sub"}
    assert {item["Type"].split("::")[0] for item in resources.values()} == {"AWS"}


def test_nothing_is_granted_to_everybody_or_for_everything(route: Route) -> None:
    granted = statements(template(route))
    assert len(granted) >= 2
    assert {item["Effect"] for item in granted} == {"Allow"}
    assert "*" not in json.dumps(granted)
    for item in granted:
        assert "Resource" in item or item["Action"] == "sts:AssumeRole"
        assert "NotAction" not in item
        assert "NotPrincipal" not in item
        # A service acts for every customer of AWS: a condition says for which of them.
        if "Service" in item.get("Principal", {}):
            assert "aws:SourceArn" in item["Condition"]["ArnEquals"]


def test_only_spapis_account_may_write_to_the_queue(route: Route) -> None:
    resources = template(route)["Resources"]
    if route.queue_name is None:
        assert "Queue" not in resources
        return
    (granted,) = statements(resources["QueuePolicy"])
    assert granted["Principal"] == {"AWS": "arn:aws:iam::437568002678:root"}
    assert granted["Action"] == ["sqs:SendMessage", "sqs:GetQueueAttributes"]


def test_messages_are_signed_by_sha_256_and_pushed_for_most_of_an_hour(route: Route) -> None:
    resources = template(route)["Resources"]
    assert resources["Topic"]["Properties"]["SignatureVersion"] == "2"
    subscription = resources["Subscription"]["Properties"]
    assert subscription["Protocol"] == "https"
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    retries = DELIVERY["healthyRetryPolicy"]
    low, high, total = retries["minDelayTarget"], retries["maxDelayTarget"], retries["numRetries"]
    assert isinstance(low, int)
    assert isinstance(high, int)
    assert isinstance(total, int)
    pre, post = int(retries["numMinDelayRetries"]), int(retries["numMaxDelayRetries"])
    between = total - pre - post
    assert between > 0
    assert pre * low + between * low + post * high >= 2400
    assert pre * low + between * high + post * high <= 3600


def test_an_endpoint_stays_a_parameters_default(route: Route) -> None:
    printed = template(route)
    assert printed["Parameters"]["Endpoint"]["Default"] == route.endpoint
    assert json.dumps(printed).count(route.endpoint) == 1
