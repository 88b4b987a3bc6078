"""Oracles that can fail: each is given a subject with a fault of the kind it is there for, and must say so."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handlers.template import Template
from receiver.config import Configuration, load
from receiver.errors import BadMessage, ConfigError, NotAuthentic
from receiver.notification import Envelope, Notification, read
from receiver.rules import Pattern
from receiver.sns import StandIn, TopicArn, UnverifiedMessage, parse
from tests.attacks.wire import Answer
from tests.fuzz.door import DoorOracle
from tests.fuzz.envelope import EnvelopeOracle
from tests.fuzz.message import MessageOracle
from tests.fuzz.pattern import PatternOracle
from tests.fuzz.rules_file import RulesFileOracle
from tests.fuzz.target import CORPUS
from tests.fuzz.template import TemplateOracle
from tests.fuzz.urls import UrlOracle

Check = Callable[[bytes], None]


def last_key_wins(body: bytes, headers: Mapping[str, str]) -> UnverifiedMessage:
    return parse(json.dumps(json.loads(body)).encode(), headers)


def mark_is_skipped(body: bytes, headers: Mapping[str, str]) -> UnverifiedMessage:
    return parse(body.removeprefix(b"\xef\xbb\xbf"), headers)


def another_value(body: bytes, headers: Mapping[str, str]) -> UnverifiedMessage:
    message = parse(body, headers)
    return message._replace(fields={**message.fields, "Message": "other"})


def nothing_is_a_message(_body: bytes, _headers: Mapping[str, str]) -> UnverifiedMessage:
    raise BadMessage("no", "no")


def host_as_a_prefix(url: str, topic: TopicArn) -> None:
    if not url.startswith(f"https://{topic.host}"):
        raise NotAuthentic("certificate_url", url)


def any_action(url: str, topic: TopicArn, _token: str) -> None:
    if not url.startswith(f"https://{topic.host}/?"):
        raise NotAuthentic("subscribe_url", url)


class WideStandIn(StandIn):
    def covers(self, url: str) -> bool:
        return url.startswith(self.url.rstrip("/"))


def wide(url: str) -> StandIn:
    found = StandIn.open(url)
    return WideStandIn(found.url, found.origin, found.key)


def raw_types(envelope: Envelope) -> list[Notification]:
    return [each._replace(type="router.x") if each.type else each for each in read(envelope)]


def only_the_first(envelope: Envelope) -> list[Notification]:
    return read(envelope)[:1]


def no_seller(envelope: Envelope) -> list[Notification]:
    return [each._replace(seller_id="") for each in read(envelope)]


def inverted(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    return not pattern.matches(event)


def first_element_only(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    return pattern.matches({name: value[:1] if isinstance(value, list) else value for name, value in event.items()})


def evaluated_twice(template: Template, document: Mapping[str, Any]) -> str:
    return Template.parse(template.text(document)).text(document)


def shortened(template: Template, document: Mapping[str, Any]) -> str:
    return template.text(document)[:-1]


def anything_goes(path: Path) -> Configuration:
    try:
        return load(path)
    except ConfigError:
        return load(CORPUS / "rules_file" / "least.toml")


def without_findings(path: Path) -> Configuration:
    try:
        return load(path)
    except ConfigError as error:
        raise ConfigError(str(error)) from None


FAULTS: list[tuple[str, Check, str]] = [
    ("a key twice", MessageOracle(last_key_wins).check, "message/escaped-key"),
    ("a key twice, deep", MessageOracle(last_key_wins).check, "message/nested-repeat"),
    ("a byte order mark", MessageOracle(mark_is_skipped).check, "message/bom"),
    ("another value", MessageOracle(another_value).check, "message/notification"),
    ("nothing is taken", MessageOracle(nothing_is_a_message).check, "message/confirmation"),
    ("the host as a prefix", UrlOracle(certificate=host_as_a_prefix).check, "urls/user"),
    ("any action", UrlOracle(subscribe=any_action).check, "urls/empty-parameter"),
    ("a stand-in's port as a prefix", UrlOracle(open_stand_in=wide).check, "urls/stand-in-longer-port"),
    ("the daemon's own types", EnvelopeOracle(raw_types).check, "envelope/own-type"),
    ("parts lost", EnvelopeOracle(only_the_first).check, "envelope/bare"),
    ("no seller", EnvelopeOracle(no_seller).check, "envelope/bare"),
    ("the opposite", PatternOracle(inverted).check, "pattern/prefix"),
    ("the first element of a list", PatternOracle(first_element_only).check, "pattern/second-element"),
    ("values evaluated", TemplateOracle(evaluated_twice).check, "template/field"),
    ("texts cut off", TemplateOracle(shortened).check, "template/field"),
    ("what is not TOML", RulesFileOracle(anything_goes).check, "rules_file/not-toml.toml"),
    ("findings without a place", RulesFileOracle(without_findings).check, "rules_file/wrong.toml"),
]


@pytest.mark.parametrize(("check", "path"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_fault_is_found(check: Check, path: str) -> None:
    with pytest.raises(AssertionError):
        check((CORPUS / path).read_bytes())


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[DoorOracle]:
    oracle = DoorOracle(request.param)
    yield oracle
    oracle.close()


def told_more(answers: list[Answer]) -> list[Answer]:
    return [*answers, Answer(200, "HTTP/1.1 200 OK\r\nContent-Type: text/plain", b"accepted")]


def told_less(answers: list[Answer]) -> list[Answer]:
    return [each for each in answers if each.status != 200]


def failing(answers: list[Answer]) -> list[Answer]:
    return [replace(each, status=500) for each in answers]


@pytest.mark.parametrize(
    ("door", "problem"),
    [(told_more, "were told 200"), (told_less, "were told 200"), (failing, "answered")],
    indirect=["door"],
)
def test_the_doors_word_is_held_against_the_inbox(door: DoorOracle, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        door.check((CORPUS / "door/push").read_bytes())
