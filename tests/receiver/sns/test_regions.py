from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import BadMessage
from receiver.sns.regions import certificate_name, parse_topic_arn


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        ("arn:aws:sns:us-west-2:131990247566:dongie-standard-topic", "sns.us-west-2.amazonaws.com"),
        ("arn:aws:sns:ap-southeast-7:000000000000:a.fifo", "sns.ap-southeast-7.amazonaws.com"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:t_1", "sns.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:t", "sns.us-gov-west-1.amazonaws.com"),
        ("arn:aws-eusc:sns:eusc-de-east-1:123456789012:t", "sns.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_a_topic_is_taken_apart(arn: str, host: str) -> None:
    topic = parse_topic_arn(arn)
    assert topic.host == host
    assert f"arn:{topic.partition}:sns:{topic.region}:{topic.account}:{topic.name}" == arn == topic.text


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "arn:aws:sns:us-west-2:131990247566:",
        "arn:aws:sns:us-west-2:131990247566:a:b",
        "arn:aws:sqs:us-west-2:131990247566:a",
        "arn:aws:sns::131990247566:a",
        "arn:aws:sns:us-west-2:13199024756:a",
        "arn:aws:sns:us-west-2:١٣١٩٩٠٢٤٧٥٦٦:a",
        "arn:aws:sns:us-west-2:131990247566:a b",
        "arn:aws:sns:us-west-2:131990247566:a\n",
        "arn:aws:sns:us-west-2:131990247566:é",
        "arn:aws:sns:us-west-2:131990247566:" + "a" * 257,
        "ARN:aws:sns:us-west-2:131990247566:a",
        "arn:aws:sns:US-WEST-2:131990247566:a",
        "arn:aws:sns:s3-us-west-2:131990247566:a",
        "arn:aws:sns:us-west-2.evil:131990247566:a",
        "arn:aws:sns:cn-north-1:131990247566:a",
        "arn:aws:sns:us-gov-west-1:131990247566:a",
        "arn:aws-cn:sns:us-west-2:131990247566:a",
        "arn:aws-us-gov:sns:us-west-2:131990247566:a",
        "arn:aws-eusc:sns:eu-central-1:131990247566:a",
        "arn:aws-iso:sns:us-iso-east-1:131990247566:a",
        "arn:aws-evil:sns:us-west-2:131990247566:a",
        " arn:aws:sns:us-west-2:131990247566:a",
    ],
)
def test_other_names_are_refused(arn: str) -> None:
    with pytest.raises(BadMessage) as raised:
        parse_topic_arn(arn)
    assert raised.value.reason == "topic_arn"
    assert raised.value.detail.isascii()
    assert raised.value.detail.isprintable()


@given(st.text(max_size=80) | st.from_regex(r"arn:aws[a-z-]*:sns:[a-z0-9-]*:[0-9]*:.*"))
def test_any_text_is_a_topic_or_refused(text: str) -> None:
    with suppress(BadMessage):
        assert parse_topic_arn(text).text == text


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("us-east-1", "sns.amazonaws.com"),
        ("eu-central-1", "sns.amazonaws.com"),
        ("ap-southeast-2", "sns.amazonaws.com"),
        ("ap-southeast-3", "sns-signing.ap-southeast-3.amazonaws.com"),
        ("ap-east-2", "sns-signing.ap-east-2.amazonaws.com"),
        ("eu-central-2", "sns-signing.eu-central-2.amazonaws.com"),
        ("mx-central-1", "sns-signing.mx-central-1.amazonaws.com"),
        ("cn-north-1", "sns-cn-north-1.amazonaws.com.cn"),
        ("cn-northwest-1", "sns-cn-northwest-1.amazonaws.com.cn"),
        ("us-gov-west-1", "sns-us-gov-west-1.amazonaws.com"),
        ("us-gov-east-1", "sns-us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "sns-signing.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_the_certificate_has_its_regions_name(region: str, name: str) -> None:
    assert certificate_name(region) == name
