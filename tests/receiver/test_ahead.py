"""Proving ahead of the writer: only where there is a line and time, and by the same rules as the judge's."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from receiver.ahead import Ahead
from receiver.errors import BadMessage, NotAuthentic, Refused, Unavailable
from receiver.inbox import NotificationFilter
from receiver.judge import Proven, Pushed, Terms, settle_terms, take
from receiver.simulators.sns import Authority, Flavour, Push, SimulatedSns, Topic
from receiver.sns import CertificateStore, StandIn
from receiver.sns.fetch import Fetched

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-orders"
SIGNER = "http://127.0.0.1:9/"
NOW = 1_780_000_000.0
LONG_LINE = 64


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def terms(authority: Authority, tmp_path: Path) -> Terms:
    pinned = tmp_path / "signer.pem"
    pinned.write_bytes(authority.certificate)
    return Terms((TOPIC,), 3600.0, frozenset("2"), (StandIn.open(SIGNER, pinned),), ())


class NoFetch:
    async def __call__(self, *_: Any, **__: Any) -> bytes:
        raise AssertionError("nothing is fetched ahead")


def ahead_of(terms: Terms | None, has_time: bool = True, ticks: Callable[[], float] | None = None) -> Ahead:
    ahead = Ahead(CertificateStore(NoFetch()), lambda: has_time, ticks or count(0, 10).__next__)
    if terms is not None:
        ahead.settle(terms)
    return ahead


def pushed(authority: Authority, message: str = "hello", at: float = NOW) -> Pushed:
    topic = Topic(TOPIC, SIGNER, authority, Flavour.AWS, "2")
    return Pushed(topic.notification(message, subscription=f"{TOPIC}:1", sent_at=NOW).body, {}, at)


def test_a_push_in_a_long_line_is_proven(authority: Authority, terms: Terms) -> None:
    push = pushed(authority)
    proven = ahead_of(terms).taken(push, LONG_LINE)
    assert isinstance(proven, Proven)
    assert (proven.now, proven.message.body, proven.message.envelope.message) == (NOW, push.body, "hello")


def test_it_is_left_to_the_writer_where_the_line_is_short_or_the_loop_has_no_time_or_nothing_is_known_yet(
    authority: Authority, terms: Terms
) -> None:
    push = pushed(authority)
    assert ahead_of(terms).taken(push, 8) is push
    assert ahead_of(terms, has_time=False).taken(push, LONG_LINE) is push
    assert ahead_of(None).taken(push, LONG_LINE) is push


def test_it_is_left_to_the_writer_where_its_key_is_not_at_hand(authority: Authority, terms: Terms) -> None:
    push = pushed(authority)
    assert ahead_of(replace(terms, stand_ins=(StandIn.open(SIGNER),))).taken(push, LONG_LINE) is push


async def test_a_second_certificate_of_a_stand_in_proves_nothing(authority: Authority, terms: Terms) -> None:
    other = Authority.create()
    first, second = f"{SIGNER}first.pem", f"{SIGNER}second.pem"
    held = asyncio.Event()

    async def fetch(url: str, **_: Any) -> Fetched:
        if url == second:
            await held.wait()
        return Fetched(200, (authority if url == first else other).certificate)

    certificates = CertificateStore(fetch)
    asked = asyncio.create_task(certificates.get_unproven(second, SIGNER, NOW))
    await certificates.get_unproven(first, SIGNER, NOW)
    held.set()
    with pytest.raises(NotAuthentic):
        await asked
    ahead = Ahead(certificates, lambda: True)
    ahead.settle(replace(terms, stand_ins=(StandIn.open(SIGNER),)))
    fields = json.loads(pushed(other).body) | {"SigningCertURL": second}
    forged = Pushed(json.dumps(fields).encode(), {}, NOW)
    assert ahead.taken(forged, LONG_LINE) is forged


def test_what_is_not_proven_is_refused(authority: Authority, terms: Terms) -> None:
    push = pushed(authority)
    ahead = ahead_of(terms)
    with pytest.raises(NotAuthentic) as forged:
        ahead.taken(push._replace(body=push.body.replace(b"hello", b"HELLO")), LONG_LINE)
    assert forged.value.reason == "signature"
    with pytest.raises(Unavailable) as early:
        ahead.taken(push._replace(now=NOW - 3600), LONG_LINE)
    assert early.value.reason == "from_the_future"
    ahead.settle(replace(terms, topics=("arn:aws:sns:us-east-1:123456789012:other",)))
    with pytest.raises(NotAuthentic) as foreign:
        ahead.taken(push, LONG_LINE)
    assert foreign.value.reason == "topic_not_allowed"


def test_after_a_push_that_is_not_proven_all_are_left_to_the_writer_for_a_while(
    authority: Authority, terms: Terms
) -> None:
    now = 0.0
    ahead = ahead_of(terms, ticks=lambda: now)
    push = pushed(authority)
    nonsense = push._replace(body=b"{")
    with pytest.raises(BadMessage):
        ahead.taken(nonsense, LONG_LINE)
    assert ahead.taken(nonsense, LONG_LINE) is nonsense
    assert ahead.taken(push, LONG_LINE) is push
    now = 2.0
    assert isinstance(ahead.taken(push, LONG_LINE), Proven)
    ahead.settle(replace(terms, stand_ins=(StandIn.open(SIGNER),)))
    assert ahead.taken(push, LONG_LINE) is push
    ahead.settle(terms)
    assert ahead.taken(push, LONG_LINE) is push


def test_a_large_push_is_left_to_the_writer_for_it_may_take_a_second_to_read(
    authority: Authority, terms: Terms
) -> None:
    ahead = ahead_of(terms)
    large = Pushed(b'{"a":[' + b",".join([b"{}"] * 80_000) + b"]}", {}, NOW)
    assert ahead.taken(large, LONG_LINE) is large
    assert isinstance(ahead.taken(pushed(authority, "x" * 8192), LONG_LINE), Proven)


RULES = '[handlers.log]\ntype = "log"\nrate = "1/h"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n'


async def test_a_crowd_gets_the_same_answers_and_each_notification_is_kept_once(
    start_router: Any, write_rules: Any, sns: SimulatedSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await start_router(write_rules(RULES))
    handed: list[Pushed | Proven] = []
    taken = router.parts.ingest.ahead.taken

    def noted(push: Pushed, in_flight: int) -> Pushed | Proven:
        handed.append(taken(push, in_flight))
        return handed[-1]

    monkeypatch.setattr(router.parts.ingest.ahead, "taken", noted)
    genuine = [push_of(sns, number) for number in range(150)]
    forged = [replace(push, body=push.body.replace(b"Payload", b"PAYLOAD")) for push in genuine[:30]]
    await sns.deliver(router.url, push_of(sns, 1000))
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(sns.deliver(router.url, push) for push in (*genuine, *forged, *genuine[:20])))
    assert Counter(answer.status for answer in answers) == {200: 170, 403: 30}
    assert Counter(answer.text for answer in answers if answer.status == 200) == {"accepted": 150, "duplicate": 20}
    assert len(await router.inbox.notifications(NotificationFilter(limit=500))) == 151
    assert {type(each) for each in handed} == {Pushed, Proven}


async def test_what_comes_behind_other_terms_is_not_proven_by_those_before(
    start_router: Any, write_rules: Any, sns: SimulatedSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = await start_router(write_rules(RULES))
    await sns.deliver(router.url, push_of(sns, 1))
    parts, asked = router.parts, []
    submit = parts.inbox.submit

    def busy(operation: Any, payload: Any) -> Any:
        future = submit(operation, payload)
        if operation is settle_terms:
            push = push_of(sns, 2)
            asked.append(submit(take, parts.ingest.ahead.taken(Pushed(push.body, {}, sns.clock()), LONG_LINE)))
        return future

    monkeypatch.setattr(parts.inbox, "submit", busy)
    router.rules.write_text(router.rules.read_text().replace(sns.topic, f"{sns.topic}-more"))
    await router.daemon.reload(parts)
    answer = await asked[0]
    assert isinstance(answer, Refused)
    assert answer.reason == "topic_not_allowed"


def push_of(sns: SimulatedSns, number: int) -> Push:
    metadata = {"NotificationId": str(uuid4())}
    body = {"NotificationType": "ORDER_CHANGE", "Payload": {"number": number}, "NotificationMetadata": metadata}
    return sns.messages().notification(json.dumps(body), subscription=f"{sns.topic}:1", sent_at=sns.clock())
