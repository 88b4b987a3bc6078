"""The judge beside the writer: keys for a time only, one verdict for each push of a batch, whatever the others are."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from receiver.errors import NotAuthentic, Unavailable
from receiver.inbox import SqliteInbox
from receiver.judge import Grant, KeyWanted, Proven, Prover, Pushed, Taken, Terms, grant_keys, settle_terms, take
from receiver.keys import granted
from receiver.rules import Rule
from receiver.simulators.sns import Authority, Flavour, Topic
from receiver.sns import HeldKey, SnsMessage, StandIn, key_bytes, load_key
from receiver.sns.certificate import Validity

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api-orders"
SIGNER = "http://127.0.0.1:9/"
NOW = 1_780_000_000.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def key(authority: Authority) -> bytes:
    key = x509.load_pem_x509_certificate(authority.certificate).public_key()
    assert isinstance(key, RSAPublicKey)
    return key_bytes(key)


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    yield inbox
    await inbox.close()


@pytest.fixture
async def judging(inbox: SqliteInbox) -> SqliteInbox:
    rule = Rule("all", None, ("erp",))
    await inbox.write(settle_terms, Terms((TOPIC,), 3600.0, frozenset("2"), (StandIn.open(SIGNER),), (rule,)))
    return inbox


def push(authority: Authority, at: float = NOW) -> Pushed:
    metadata = {"NotificationId": str(uuid4())}
    message = json.dumps({"NotificationType": "ORDER_CHANGE", "Payload": {}, "NotificationMetadata": metadata})
    topic = Topic(TOPIC, SIGNER, authority, Flavour.AWS, "2")
    return Pushed(topic.notification(message, subscription=f"{TOPIC}:1", sent_at=NOW).body, {}, at)


def url_of(pushed: Pushed) -> str:
    url: str = json.loads(pushed.body)["SigningCertURL"]
    return url


async def test_nothing_is_judged_before_there_are_terms(inbox: SqliteInbox, authority: Authority) -> None:
    answer = await inbox.write(take, push(authority))
    assert isinstance(answer, Unavailable)
    assert answer.reason == "starting"


async def test_a_fault_in_judging_one_push_leaves_the_others_of_its_batch_alone(
    judging: SqliteInbox, authority: Authority, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else anybody who finds one has every batch done push by push, with a way to the disk for each."""
    good, bad = push(authority), push(authority)
    await judging.write(grant_keys, Grant(url_of(good), key, NOW - 10, NOW + 10))
    prove = Prover.prove

    def faulty(prover: Prover, pushed: Pushed, key_of: Any) -> SnsMessage | KeyWanted:
        if pushed is bad:
            raise RecursionError("too deep")
        return prove(prover, pushed, key_of)

    monkeypatch.setattr(Prover, "prove", faulty)
    batches: list[int] = []
    judging.commits.observe = lambda jobs, _seconds: batches.append(jobs)
    answers = await asyncio.gather(*(judging.submit(take, each) for each in (good, bad, push(authority))))
    assert [type(answer) for answer in answers] == [tuple, RuntimeError, tuple]
    assert str(answers[1]) == "RecursionError: too deep"
    assert batches == [3]


async def test_a_key_counts_from_its_beginning_to_its_end(
    judging: SqliteInbox, authority: Authority, key: bytes
) -> None:
    pushed = push(authority)
    wanted = KeyWanted(url_of(pushed), "us-east-1", SIGNER)
    assert await judging.write(take, pushed) == wanted
    await judging.write(grant_keys, Grant(wanted.url, key, NOW - 10, NOW + 10))
    for at in (NOW - 11, NOW + 10, NOW + 60):
        assert await judging.write(take, pushed._replace(now=at)) == wanted
    (taken,) = await judging.write(take, pushed)
    assert isinstance(taken, Taken)
    assert (taken.duplicate, taken.handlers, taken.type, taken.rules) == (False, ("erp",), "ORDER_CHANGE", ("all",))
    (again,) = await judging.write(take, pushed)
    assert (again.id, again.duplicate, again.handlers) == (taken.id, True, ())


async def test_each_push_of_a_batch_has_its_own_verdict(judging: SqliteInbox, authority: Authority, key: bytes) -> None:
    genuine = push(authority)
    await judging.write(grant_keys, Grant(url_of(genuine), key, -math.inf, math.inf))
    tampered = genuine._replace(body=genuine.body.replace(b"ORDER_CHANGE", b"ORDER_CHANGF"))
    answers = await asyncio.gather(*(judging.write(take, each) for each in (tampered, genuine, Pushed(b"{", {}, NOW))))
    assert [type(answer).__name__ for answer in answers] == ["NotAuthentic", "tuple", "BadMessage"]
    assert isinstance(answers[0], NotAuthentic)
    assert answers[0].reason == "signature"
    assert (await judging.stats()).notifications == 1


async def test_what_is_proven_already_is_kept_as_if_it_were_proven_here(
    judging: SqliteInbox, authority: Authority, key: bytes
) -> None:
    terms = Terms((TOPIC,), 3600.0, frozenset("2"), (StandIn.open(SIGNER),), ())
    first, second = push(authority), push(authority)
    message = Prover(terms).prove(first, lambda _url, _now: load_key(key))
    assert not isinstance(message, KeyWanted)
    await judging.write(grant_keys, Grant(url_of(second), key, -math.inf, math.inf))
    pushes: list[Pushed | Proven] = [Proven(message, NOW), second, Proven(message, NOW + 1)]
    answers = await asyncio.gather(*(judging.write(take, each) for each in pushes))
    ((one,), (other,), (again,)) = [answer for answer in answers if isinstance(answer, tuple)]
    assert isinstance(one, Taken)
    assert isinstance(other, Taken)
    assert (one.duplicate, one.rules, one.message_id) == (False, other.rules, message.message_id)
    assert (again.id, again.duplicate) == (one.id, True)
    (row,) = await judging.rows("SELECT body FROM bodies WHERE notification_id = ?", (one.id,))
    assert row[0] == first.body


async def test_a_proven_message_about_a_subscription_goes_back(judging: SqliteInbox, authority: Authority) -> None:
    topic = Topic(TOPIC, SIGNER, authority, Flavour.AWS, "2")
    body = topic.subscription_confirmation("token", sent_at=NOW).body
    terms = Terms((TOPIC,), 3600.0, frozenset("2"), (StandIn.open(SIGNER),), ())
    key = x509.load_pem_x509_certificate(authority.certificate).public_key()
    assert isinstance(key, RSAPublicKey)
    message = Prover(terms).prove(Pushed(body, {}, NOW), lambda _url, _now: key)
    assert isinstance(message, SnsMessage)
    assert await judging.write(take, Proven(message, NOW)) == message


async def test_keys_are_bounded(judging: SqliteInbox, authority: Authority, key: bytes) -> None:
    pushed = push(authority)
    await judging.write(grant_keys, Grant(url_of(pushed), key, -math.inf, math.inf))
    for number in range(64):
        await judging.write(grant_keys, Grant(f"{SIGNER}{number}.pem", key, -math.inf, math.inf))
    assert isinstance(await judging.write(take, pushed), KeyWanted)


@pytest.mark.parametrize(
    ("refresh_at", "ends", "until"),
    [(NOW + 100, NOW + 500, NOW + 100), (NOW - 1, NOW + 500, NOW + 60), (NOW + 100, NOW + 50, NOW + 50)],
)
def test_a_key_is_granted_until_a_newer_one_is_looked_for(
    key: bytes, authority: Authority, refresh_at: float, ends: float, until: float
) -> None:
    public = x509.load_pem_x509_certificate(authority.certificate).public_key()
    assert isinstance(public, RSAPublicKey)
    held = HeldKey(public, Validity(NOW - 1, ends), refresh_at)
    assert granted("url", held, NOW) == Grant("url", key, NOW - 1, until)
