"""The printed script: valid shell and valid AWS CLI, whatever the arguments hold."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from receiver.setup.command_lines import script
from receiver.setup.errors import SetupError
from receiver.setup.resources import Queue, Resources
from receiver.setup.route import Route
from receiver.setup.template import template

FAKE = """#!/bin/sh
case "$1 $2" in
"sts get-caller-identity") echo 123456789012; exit ;;
*" get-"* | *" describe-"*) exit 1 ;;
esac
for word in "$@"; do printf '%s\\0' "$word"; done >> "$CALLS"
printf '\\n\\0' >> "$CALLS"
"""


@pytest.fixture
def calls(tmp_path: Path) -> Any:
    """Runs a script with a stand-in for `aws`; what that was called with."""
    (tmp_path / "aws").write_text(FAKE)
    (tmp_path / "aws").chmod(0o755)
    record = tmp_path / "calls"

    def run(text: str) -> list[list[str]]:
        record.write_bytes(b"")
        environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(record)}
        ran = subprocess.run(
            ["/bin/sh"], input=text, text=True, env=environ, cwd=tmp_path, capture_output=True, check=True
        )
        assert ran.stderr == ""
        words = record.read_bytes().decode().split("\0")
        lists: list[list[str]] = [[]]
        for word in words[:-1]:
            if word == "\n":
                lists.append([])
            else:
                lists[-1].append(word)
        return lists[:-1]

    return run


def test_the_shell_can_read_it(route: Route) -> None:
    subprocess.run(["bash", "-n"], input=script(route), text=True, check=True)


def test_every_line_is_a_call_that_aws_knows(route: Route, calls: Any) -> None:
    session, operations = botocore.session.get_session(), []
    for service, command, *words in calls(script(route)):
        if command == "wait":
            continue
        name = "".join(part.title() for part in command.split("-"))
        shape = session.get_service_model(service).operation_model(name).input_shape
        members = {re.sub(r"(?<!^)(?=[A-Z])", "-", member).lower(): member for member in shape.members}
        given = dict(zip(words[::2], words[1::2], strict=True))
        # The AWS CLI calls sns's Endpoint --notification-endpoint, since --endpoint-url is taken.
        names = {option: members[option[2:].replace("notification-endpoint", "endpoint")] for option in given}
        values = {names[option]: _parsed(shape.members[names[option]], text) for option, text in given.items()}
        report = ParamValidator().validate(values, shape)
        assert not report.has_errors(), (command, report.generate_report())
        operations.append(f"{service} {name}")
    assert operations[0] == "sns CreateTopic"
    assert operations[-1] == "sns Subscribe"
    assert ("pipes CreatePipe" in operations) == (route.queue_name is not None)
    assert ("events PutRule" in operations) == (route.event_source is not None)


def _parsed(shape: Any, text: str) -> Any:
    return text if shape.type_name == "string" else json.loads(text)


def test_policies_are_those_of_the_template(route: Route, calls: Any) -> None:
    def plain(value: Any) -> str:
        text = json.dumps(value).replace("${AWS::AccountId}", route.account_id).replace("${AWS::Region}", route.region)
        place = f"{route.region}:{route.account_id}"
        for node, arn in {
            '{"Ref": "Topic"}': route.topic_arn,
            '{"Ref": "AWS::AccountId"}': route.account_id,
            '{"Fn::GetAtt": ["DeadLetters", "Arn"]}': f"arn:aws:sqs:{place}:{route.dead_letters_name}",
            '{"Fn::GetAtt": ["Queue", "Arn"]}': f"arn:aws:sqs:{place}:{route.queue_name}",
            '{"Fn::GetAtt": ["PipeRole", "Arn"]}': f"arn:aws:iam::{route.account_id}:role/{route.role_name}",
            '{"Fn::GetAtt": ["Rule", "Arn"]}': f"arn:aws:events:{place}:rule/{route.event_source}/{route.name}",
        }.items():
            text = text.replace(node, json.dumps(arn))
        return re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", text)

    printed = [json.loads(plain(node)) for node in _documents(template(route))]
    said = [json.loads(text) for line in calls(script(route)) for text in _policy_texts(line)]
    assert len(printed) >= 2
    assert sorted(map(json.dumps, said)) == sorted(map(json.dumps, printed))


def _documents(value: Any) -> list[Any]:
    if isinstance(value, dict):
        own = [value] if "Statement" in value else []
        return own + [found for part in value.values() for found in _documents(part)]
    return [found for part in value for found in _documents(part)] if isinstance(value, list) else []


def _policy_texts(words: list[str]) -> list[str]:
    found = []
    for word in words:
        if word.startswith('{"Version"'):
            found.append(word)
        elif '"Policy":' in word:
            found.append(json.loads(word)["Policy"])
    return found


HOSTILE = ["'", '"', "$(touch broken)", "`touch broken`", ";touch${IFS}broken", "&&", "|", "\\", "!", "*", "%s"]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_endpoint_cannot_break_out(text: str, calls: Any, tmp_path: Path) -> None:
    queue = Resources(None, Queue.parse("arn:aws:sqs:eu-west-1:123456789012:sp-api"))
    endpoint = f"https://h.example.com/{text.replace(' ', '${IFS}')}"
    route = Route.parse("n", endpoint, queue, None)
    words = calls(script(route))[-1]
    assert words[words.index("--notification-endpoint") + 1] == endpoint
    assert not (tmp_path / "broken").exists()
    assert json.loads(json.dumps(template(route)))["Parameters"]["Endpoint"]["Default"] == endpoint


@given(st.text(max_size=40))
def test_what_is_taken_is_one_word(text: str) -> None:
    queue = Resources(None, Queue.parse("arn:aws:sqs:eu-west-1:123456789012:sp-api"))
    try:
        route = Route.parse("n", f"https://h.example.com/{text}", queue, None)
    except SetupError:
        return
    words = shlex.split(script(route).splitlines()[-1])
    assert words[words.index("--notification-endpoint") + 1] == route.endpoint


def test_another_accounts_credentials_stop_it(route: Route, tmp_path: Path) -> None:
    (tmp_path / "aws").write_text(FAKE.replace("echo 123456789012", "echo 999999999999"))
    (tmp_path / "aws").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(tmp_path / "calls")}
    ran = subprocess.run(["/bin/sh"], input=script(route), text=True, env=environ, capture_output=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr == "these are not credentials of AWS account 123456789012\n"
    assert not (tmp_path / "calls").exists()
