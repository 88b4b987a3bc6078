import json
from pathlib import Path

import pytest

from receiver.simulators.errors import SimulationError
from receiver.simulators.sns.authority import Authority, signed_text
from receiver.simulators.sns.flavour import Flavour
from receiver.simulators.sns.messages import Push, Topic, iso, region_of

ARN = "arn:aws:sns:us-west-2:123456789012:orders"
SUBSCRIPTION = f"{ARN}:b24e11a2-06bd-4e73-aa29-0ed2de3b41b5"


@pytest.fixture(scope="module")
def topic() -> Topic:
    return Topic(ARN, "http://127.0.0.1:4599/", Authority.self_signed())


def every_push(topic: Topic) -> dict[str, Push]:
    return {
        "notification-subject-signature-v1.json": topic.notification(
            "text", subscription=SUBSCRIPTION, sent_at=1.5, subject="subject"
        ),
        "notification-signature-v2.json": topic.notification("text", subscription=SUBSCRIPTION, sent_at=1.5),
        "subscription-confirmation-signature-v1.json": topic.subscription_confirmation("ab12", sent_at=1.5),
    }


def test_messages_have_the_fields_of_real_ones_in_their_order(shared: Path, topic: Topic) -> None:
    for name, push in every_push(topic).items():
        real = json.loads((shared / "sns" / name).read_bytes())
        assert list(json.loads(push.body)) == list(real), name


def test_bodies_are_laid_out_as_real_ones(shared: Path) -> None:
    for path in (shared / "sns").glob("*.json"):
        real = path.read_bytes()
        assert Flavour.AWS.body(json.loads(real)) == real.rstrip(b"\n")


def test_signature_and_headers_agree_with_the_body(topic: Topic) -> None:
    for push in every_push(topic).values():
        fields = json.loads(push.body)
        assert fields["Signature"] == topic.authority.sign(fields, "1")
        assert push.headers["x-amz-sns-message-type"] == fields["Type"]
        assert push.headers["x-amz-sns-message-id"] == fields["MessageId"] == push.message_id
        assert push.headers["x-amz-sns-topic-arn"] == fields["TopicArn"] == ARN
        assert push.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert fields["Timestamp"] == "1970-01-01T00:00:01.500Z"


def test_only_notifications_and_unsubscribe_confirmations_name_the_subscription(topic: Topic) -> None:
    pushes = every_push(topic)
    name = "x-amz-sns-subscription-arn"
    assert pushes["notification-signature-v2.json"].headers[name] == SUBSCRIPTION
    assert name not in pushes["subscription-confirmation-signature-v1.json"].headers
    assert topic.unsubscribe_confirmation("ab", subscription=SUBSCRIPTION, sent_at=1).headers[name] == SUBSCRIPTION


def test_attributes_are_carried_but_not_signed(topic: Topic) -> None:
    push = topic.notification("text", subscription=SUBSCRIPTION, sent_at=1, message_id="m", attributes={"a": "b"})
    plain = topic.notification("text", subscription=SUBSCRIPTION, sent_at=1, message_id="m")
    fields = json.loads(push.body)
    assert fields["MessageAttributes"] == {"a": {"Type": "String", "Value": "b"}}
    assert fields["Signature"] == json.loads(plain.body)["Signature"]


def test_certificate_url_is_of_the_form_that_sns_uses(topic: Topic) -> None:
    base, _, digits = topic.certificate_url.removesuffix(".pem").rpartition("/SimpleNotificationService-")
    assert base == "http://127.0.0.1:4599"
    assert len(digits) == 32
    assert int(digits, 16)


def test_localstack_has_its_own_habits(topic: Topic) -> None:
    local = Topic(ARN, "http://localhost.localstack.cloud:4566/", topic.authority, Flavour.LOCALSTACK)
    push = local.notification("é", subscription=SUBSCRIPTION, sent_at=1)
    assert b"\n" not in push.body
    assert push.body.isascii()
    fields = json.loads(push.body)
    assert fields["SigningCertURL"] == (
        "http://localhost.localstack.cloud:4566/_aws/sns/SimpleNotificationService-6c6f63616c737461636b69736e696365.pem"
    )
    assert fields["Signature"] == topic.authority.sign(fields, "1")
    assert "é\n".encode() in signed_text(fields)


def test_tokens_are_as_long_as_those_of_the_flavour() -> None:
    digits = "0123456789abcdef" * 18
    assert Flavour.AWS.token("us-west-2", digits) == digits
    token = Flavour.LOCALSTACK.token("us-west-2", digits)
    assert len(token) == 64
    assert bytes.fromhex(token.split("2f")[0]) == b"us-west-2"


@pytest.mark.parametrize(
    "arn", ["", "orders", "arn:aws:sqs:us-west-2:123456789012:q", "arn:aws:sns:us-west-2:12:t", f"{ARN}\n", f"{ARN}:x"]
)
def test_region_of_what_is_no_topic(arn: str) -> None:
    with pytest.raises(SimulationError, match="is not the ARN of a topic"):
        region_of(arn)


def test_region_of_topics() -> None:
    assert region_of(ARN) == "us-west-2"
    assert region_of("arn:aws-cn:sns:cn-north-1:123456789012:t.fifo") == "cn-north-1"


def test_times_have_milliseconds_and_a_z() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000Z"
