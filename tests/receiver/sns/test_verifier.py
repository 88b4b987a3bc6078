import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from receiver.errors import NotAuthentic, Refused, Unavailable
from receiver.sns import CertificateStore, SnsMessage, StandIn, TopicList, Verifier, parse

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon, Network, Ticks

ALWAYS = (
    "Message", "MessageId", "Timestamp", "TopicArn", "Type", "SignatureVersion", "Signature", "SigningCertURL"
)  # fmt: skip
REAL = {
    "notification-signature-v2.json": ALWAYS,
    "notification-subject-signature-v1.json": (*ALWAYS, "Subject"),
    "subscription-confirmation-signature-v1.json": (*ALWAYS, "SubscribeURL", "Token"),
}
SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class AwsAlone:
    """Answers like AWS: the real certificate at its own URL, nothing at others."""

    def __init__(self, network: type["Network"], shared: Path) -> None:
        pem = next((shared / "sns").glob("*.pem"))
        self.fetch = network({f"https://sns.us-west-2.amazonaws.com/{pem.name}": pem.read_bytes()})


def verified(verifier: Verifier, fields: dict[str, Any]) -> Any:
    return verifier.verify(parse(json.dumps(fields).encode(), {}))


async def test_a_notification_is_proven(amazon: "Amazon", verifier: Verifier) -> None:
    attributes = {"a": {"Type": "String", "Value": "1"}}
    body = amazon.body(Subject="Hello", MessageAttributes=attributes)
    message = await verifier.verify(parse(body, {}))
    assert isinstance(message, SnsMessage)
    assert (message.type, message.topic, message.body) == ("Notification", amazon.topic, body)
    assert message.timestamp == message.envelope.sent_at == amazon.now
    assert (message.token, message.subscribe_url) == ("", "")
    assert (message.envelope.message, message.envelope.subject) == ("ORDER\nCHANGE é 😀", "Hello")
    assert message.envelope.attributes == {"a": "1"}
    assert message.envelope.message_id == message.message_id == "9d2c5580-b61d-550c-8583-37a582870907"


async def test_a_confirmation_is_proven(amazon: "Amazon", verifier: Verifier) -> None:
    fields = amazon.confirmation(SignatureVersion="1")
    message = await verified(verifier, fields)
    assert message.type == "SubscriptionConfirmation"
    assert (message.token, message.subscribe_url) == (fields["Token"], fields["SubscribeURL"])
    assert message.envelope.subject is None


async def test_only_the_verifier_makes_an_sns_message(root: Path) -> None:
    makers = set()
    for file in [*(root / "receiver").rglob("*.py"), *(root / "handlers").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_bytes())):
            called = node.func if isinstance(node, ast.Call) else None
            if getattr(called, "id", getattr(called, "attr", None)) == "SnsMessage":
                makers.add(file.relative_to(root).as_posix())
    assert makers == {"receiver/sns/verifier.py"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TopicArn": "arn:aws:sns:us-west-2:999999999999:sp-api-orders"}, "topic_not_allowed"),
        ({"TopicArn": "arn:aws:sns:us-west-2:123456789012:sp-api-orders2"}, "topic_not_allowed"),
        ({"SignatureVersion": "3"}, "signature_version"),
        ({"SignatureVersion": ""}, "signature_version"),
        ({"SignatureVersion": "02"}, "signature_version"),
        ({"SigningCertURL": "https://evil.example/a.pem"}, "certificate_url"),
        ({"SigningCertURL": "http://127.0.0.1:4566/cert.pem"}, "certificate_url"),
        ({"Timestamp": "2026-05-31T11:59:59.999Z"}, "too_old"),
        ({"Signature": ""}, "signature"),
        ({"Signature": "AAAA"}, "signature"),
    ],
)
async def test_what_is_not_sns_for_us_is_refused(
    amazon: "Amazon", verifier: Verifier, network: "Network", changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotAuthentic) as raised:
        await verified(verifier, {**amazon.notification(Signature="AAAA"), **changes})
    assert (raised.value.reason, raised.value.status) == (reason, 403)
    assert raised.value.detail.isprintable()
    assert (network.asked == []) == (reason != "signature")


async def test_a_certificate_of_another_region_is_refused_before_any_fetch(
    amazon: "Amazon", store: CertificateStore, network: "Network"
) -> None:
    verifier = Verifier(store, TopicList(["arn:aws:sns:*:123456789012:*"]), clock=lambda: amazon.now)
    fields = amazon.notification(TopicArn="arn:aws:sns:us-east-1:123456789012:sp-api-orders")
    with pytest.raises(NotAuthentic) as raised:
        await verified(verifier, fields)
    assert raised.value.reason == "certificate_url"
    assert network.asked == []


async def test_a_stranger_with_a_key_of_their_own_is_refused(
    amazon: "Amazon", verifier: Verifier, stranger: Any
) -> None:
    fields = amazon.notification()
    with pytest.raises(NotAuthentic) as raised:
        await verified(verifier, fields | {"Signature": amazon.sign(fields, stranger)})
    assert raised.value.reason == "signature"


async def test_a_version_can_be_forbidden(amazon: "Amazon", store: CertificateStore) -> None:
    verifier = Verifier(store, TopicList([amazon.topic]), clock=lambda: amazon.now, signature_versions=frozenset({"2"}))
    await verified(verifier, amazon.notification(SignatureVersion="2"))
    with pytest.raises(NotAuthentic) as raised:
        await verified(verifier, amazon.notification(SignatureVersion="1"))
    assert raised.value.reason == "signature_version"
    for versions in (frozenset({"2", "3"}), frozenset[str]()):
        with pytest.raises(ValueError, match="signature versions are 1, 2"):
            Verifier(store, TopicList([amazon.topic]), clock=lambda: amazon.now, signature_versions=versions)


async def test_the_age_is_counted_from_the_time_of_the_check(amazon: "Amazon", verifier: Verifier) -> None:
    message = parse(amazon.body(), {})
    await verifier.verify(message, at=amazon.now + 86400)
    with pytest.raises(NotAuthentic) as raised:
        await verifier.verify(message, at=amazon.now + 86401)
    assert raised.value.reason == "too_old"


async def test_a_message_from_the_future_is_genuine_and_comes_again(amazon: "Amazon", verifier: Verifier) -> None:
    message = parse(amazon.body(), {})
    await verifier.verify(message, at=amazon.now - 900)
    with pytest.raises(Unavailable) as raised:
        await verifier.verify(message, at=amazon.now - 901)
    assert raised.value.reason == "from_the_future"
    forged = amazon.notification(Timestamp="2030-01-01T00:00:00.000Z", Signature=amazon.notification()["Signature"])
    with pytest.raises(NotAuthentic):
        await verified(verifier, forged)


async def test_with_the_key_at_hand_nothing_is_waited_for(amazon: "Amazon", verifier: Verifier) -> None:
    message = parse(amazon.body(), {})
    await verifier.verify(message)
    with pytest.raises(StopIteration) as ended:
        verifier.verify(message).send(None)
    assert isinstance(ended.value.value, SnsMessage)


async def test_a_certificate_that_is_not_to_be_had_is_said_so(
    amazon: "Amazon", verifier: Verifier, network: "Network"
) -> None:
    network.answers.clear()
    with pytest.raises(NotAuthentic) as raised:
        await verified(verifier, amazon.notification())
    assert raised.value.reason == "certificate"


@pytest.fixture
def real(shared: Path, network: "Network", ticks: "Ticks") -> Verifier:
    aws = AwsAlone(type(network), shared)
    store = CertificateStore(aws.fetch, verify_chain=False, ticks=ticks)
    return Verifier(store, TopicList(["arn:aws:sns:us-west-2:131990247566:*"]), clock=lambda: 0.0)


@pytest.mark.parametrize("name", REAL)
async def test_real_messages_are_authentic_at_their_time(shared: Path, real: Verifier, name: str) -> None:
    message = parse((shared / "sns" / name).read_bytes(), {})
    assert (await real.verify(message, message.timestamp)).message_id == message.message_id


@pytest.mark.parametrize("name", REAL)
async def test_real_messages_are_refused_after_their_certificate_ended(shared: Path, real: Verifier, name: str) -> None:
    message = parse((shared / "sns" / name).read_bytes(), {})
    ended = 1792022400.0
    verifier = Verifier(
        real._certificates, TopicList(["arn:aws:sns:us-west-2:131990247566:*"]), clock=lambda: ended, max_age=1e9
    )
    with pytest.raises(NotAuthentic, match="ended at 2026-10-14"):
        await verifier.verify(message)


def others(character: str) -> set[str]:
    """What stands in for a character: a neighbour, the other case, a digit, a letter and something strange."""
    return {chr(ord(character) ^ 1), character.swapcase(), "0", "f", "Z", "é"} - {character}


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in REAL.items() for field in fields])
async def test_every_one_character_change_is_refused(
    shared: Path, real: Verifier, ticks: "Ticks", name: str, field: str
) -> None:
    body = (shared / "sns" / name).read_bytes()
    fields = json.loads(body)
    at = parse(body, {}).timestamp
    value = fields[field]
    await real.verify(parse(body, {}), at)
    changes = {
        value[:place] + other + value[place + 1 :] for place in range(len(value)) for other in others(value[place])
    }
    changes |= {value[:place] + value[place + 1 :] for place in range(len(value))}
    changes |= {value[:place] + "0" + value[place:] for place in range(len(value) + 1)}
    for change in changes - {value}:
        ticks.now += 60
        with pytest.raises(Refused):
            await real.verify(parse(json.dumps(fields | {field: change}).encode(), {}), at)


@pytest.mark.parametrize("name", REAL)
async def test_a_signed_field_taken_away_or_added_is_refused(shared: Path, real: Verifier, name: str) -> None:
    body = (shared / "sns" / name).read_bytes()
    fields = json.loads(body)
    at = parse(body, {}).timestamp
    for field in SIGNED:
        without = {key: value for key, value in fields.items() if key != field}
        for changed in ([without] if field in fields else []) + ([] if field in fields else [fields | {field: ""}]):
            with pytest.raises(Refused):
                await real.verify(parse(json.dumps(changed).encode(), {}), at)


@pytest.fixture
def local(amazon: "Amazon", tmp_path: Path) -> StandIn:
    (tmp_path / "local.pem").write_bytes(amazon.intermediate.pem)
    return StandIn.open("http://127.0.0.1:4566/", tmp_path / "local.pem")


def local_message(amazon: "Amazon", **changes: Any) -> dict[str, Any]:
    fields = amazon.notification(SigningCertURL="http://127.0.0.1:4566/_aws/sns/SimpleNotificationService-6c.pem")
    fields |= changes
    return fields | {"Signature": amazon.sign(fields, amazon.intermediate.key)}


async def test_a_stand_in_signs_with_its_given_key(
    amazon: "Amazon", store: CertificateStore, network: "Network", local: StandIn
) -> None:
    verifier = Verifier(store, TopicList([amazon.topic]), clock=lambda: amazon.now, signers=[local])
    assert (await verified(verifier, local_message(amazon))).topic == amazon.topic
    assert network.asked == []
    await verified(verifier, amazon.notification())


async def test_a_stand_in_is_held_to_the_allow_list(amazon: "Amazon", store: CertificateStore, local: StandIn) -> None:
    verifier = Verifier(store, TopicList([amazon.topic]), clock=lambda: amazon.now, signers=[local])
    with pytest.raises(NotAuthentic) as raised:
        await verified(verifier, local_message(amazon, TopicArn=amazon.topic + "2"))
    assert raised.value.reason == "topic_not_allowed"


async def test_a_stand_in_cannot_sign_for_sns_nor_sns_for_it(
    amazon: "Amazon", store: CertificateStore, local: StandIn
) -> None:
    verifier = Verifier(store, TopicList([amazon.topic]), clock=lambda: amazon.now, signers=[local])
    as_sns = amazon.notification()
    for fields in (
        as_sns | {"Signature": amazon.sign(as_sns, amazon.intermediate.key)},
        local_message(amazon) | {"Signature": as_sns["Signature"]},
    ):
        with pytest.raises(NotAuthentic) as raised:
            await verified(verifier, fields)
        assert raised.value.reason == "signature"


async def test_without_the_setting_a_stand_in_is_refused(amazon: "Amazon", verifier: Verifier) -> None:
    with pytest.raises(NotAuthentic) as raised:
        await verified(verifier, local_message(amazon))
    assert raised.value.reason == "certificate_url"


async def test_a_stand_in_without_a_file_keeps_its_first_key(
    amazon: "Amazon", store: CertificateStore, network: "Network"
) -> None:
    local = StandIn.open("http://127.0.0.1:4566")
    verifier = Verifier(store, TopicList([amazon.topic]), clock=lambda: amazon.now, signers=[local])
    fields = local_message(amazon)
    network.answers[fields["SigningCertURL"]] = amazon.intermediate.pem
    await verified(verifier, fields)
    network.answers[fields["SigningCertURL"]] = amazon.leaf.pem
    await verified(verifier, fields)
    with pytest.raises(NotAuthentic):
        await verified(verifier, fields | {"Signature": amazon.sign(fields)})
    assert network.asked == [fields["SigningCertURL"]]
