import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.sns.regions import parse_topic_arn
from receiver.sns.topics import TopicList

ARN = "arn:aws:sns:us-east-1:123456789012:sp-api-orders"


@pytest.mark.parametrize(
    "pattern",
    [
        ARN,
        "arn:aws:sns:us-east-1:123456789012:sp-api-*",
        "arn:aws:sns:us-east-1:123456789012:*",
        "arn:aws:sns:us-east-1:123456789012:*orders*",
        "arn:aws:sns:us-east-1:123456789012:sp?api?orders",
        "arn:aws:sns:*:123456789012:sp-api-orders",
        "arn:aws:sns:us-east-?:123456789012:sp-api-orders",
    ],
)
def test_a_pattern_allows_what_it_names(pattern: str) -> None:
    assert TopicList([pattern]).allows(parse_topic_arn(ARN))
    assert TopicList(["arn:aws:sns:us-east-1:123456789012:other", pattern]).allows(parse_topic_arn(ARN))


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sns:us-east-1:999999999999:sp-api-orders",
        "arn:aws:sns:us-east-2:123456789012:sp-api-orders",
        "arn:aws:sns:us-east-1:123456789012:xsp-api-orders",
        "arn:aws:sns:us-east-1:123456789012:sp-api",
        "arn:aws:sns:us-east-1:123456789012:SP-API-orders",
        "arn:aws:sns:us-east-1:123456789012:spxapi-orders",
        "arn:aws-us-gov:sns:us-gov-east-1:123456789012:sp-api-orders",
    ],
)
def test_what_only_looks_alike_is_not_allowed(arn: str) -> None:
    allowed = TopicList(["arn:aws:sns:us-east-1:123456789012:sp-api-*"])
    assert not allowed.allows(parse_topic_arn(arn))


def test_a_question_mark_is_exactly_one_character() -> None:
    allowed = TopicList(["arn:aws:sns:us-east-1:123456789012:a?"])
    assert [allowed.allows(parse_topic_arn(f"arn:aws:sns:us-east-1:123456789012:{name}")) for name in ("a", "ab")] == [
        False,
        True,
    ]
    assert not allowed.allows(parse_topic_arn("arn:aws:sns:us-east-1:123456789012:abc"))


def test_a_dot_is_a_dot() -> None:
    allowed = TopicList(["arn:aws:sns:us-east-1:123456789012:a.fifo"])
    assert allowed.allows(parse_topic_arn("arn:aws:sns:us-east-1:123456789012:a.fifo"))
    assert not allowed.allows(parse_topic_arn("arn:aws:sns:us-east-1:123456789012:axfifo"))


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("*", "write arn:PARTITION"),
        ("arn:aws:sns:*", "write arn:PARTITION"),
        ("arn:aws:sns:us-east-1:123456789012:a:b", "write arn:PARTITION"),
        ("sp-api-orders", "write arn:PARTITION"),
        ("arn:*:sns:us-east-1:123456789012:a", "the partition '*'"),
        ("arn:aws:*:us-east-1:123456789012:a", "the service '*'"),
        ("arn:aws:sqs:us-east-1:123456789012:a", "the service 'sqs'"),
        ("arn:aws:sns:us-east-1:*:a", "the account '*'"),
        ("arn:aws:sns:us-east-1:12345678901?:a", "other AWS customers"),
        ("arn:aws:sns:us-east-1::a", "the account ''"),
        ("arn:aws:sns::123456789012:a", "the region ''"),
        ("arn:aws:sns:us-east-1:123456789012:", "the name ''"),
        ("arn:aws:sns:us-east-1:123456789012:a b", "the name 'a b'"),
        ("arn:aws:sns:us-east-1:123456789012:[a]", "the name '[a]'"),
    ],
)
def test_a_bad_pattern_is_named(pattern: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r"arn:") as raised:
        TopicList([ARN, pattern])
    assert fault in str(raised.value)
    assert repr(pattern) in str(raised.value)


def test_no_pattern_is_an_error() -> None:
    with pytest.raises(ValueError, match="no topics are allowed"):
        TopicList([])


def test_stars_cost_no_more_than_a_look_at_the_name_each() -> None:
    """With a search back from each of them this takes centuries."""
    allowed = TopicList(["arn:aws:sns:*-*-*:123456789012:" + "*a" * 40 + "*b"])
    assert not allowed.allows(parse_topic_arn("arn:aws:sns:us-east-1:123456789012:" + "a" * 256))
    assert allowed.allows(parse_topic_arn("arn:aws:sns:us-east-1:123456789012:" + "a" * 255 + "b"))


@given(
    st.text(st.sampled_from("ab*?"), min_size=1, max_size=6), st.text(st.sampled_from("ab-"), min_size=1, max_size=6)
)
def test_the_name_is_matched_as_a_glob(pattern: str, name: str) -> None:
    def matches(left: str, right: str) -> bool:
        if not left:
            return not right
        if left[0] == "*":
            return matches(left[1:], right) or bool(right and matches(left, right[1:]))
        return bool(right) and left[0] in {"?", right[0]} and matches(left[1:], right[1:])

    allowed = TopicList([f"arn:aws:sns:us-east-1:123456789012:{pattern}"])
    assert allowed.allows(parse_topic_arn(f"arn:aws:sns:us-east-1:123456789012:{name}")) == matches(pattern, name)
