import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import NotAuthentic
from receiver.sns.regions import TopicArn, parse_topic_arn
from receiver.sns.urls import check_certificate_url, check_subscribe_url

TOPIC = parse_topic_arn("arn:aws:sns:us-west-2:123456789012:orders")
HEX = "0123456789abcdef" * 2
HOST = "https://sns.us-west-2.amazonaws.com"
PATH = f"/SimpleNotificationService-{HEX}.pem"
TOKEN = "2336412f37fb"
SUBSCRIBE = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.text}&Token={TOKEN}"
PIECES = st.sampled_from(
    [
        "https://",
        "http://",
        "sns.us-west-2.amazonaws.com",
        "sns.us-east-1.amazonaws.com",
        "evil.example",
        "@",
        ":",
        ":443",
        ":80",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "%",
        ".",
        "..",
        "%2e",
        "S",
        "SimpleNotificationService-",
        ".pem",
        "a",
        "0",
        "\n",
        "\t",
        "\x00",
        "é",
        "\ufb00",
        "\u0660",
        HEX,
    ]
)


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        ("arn:aws:sns:us-west-2:123456789012:t", "sns.us-west-2.amazonaws.com"),
        ("arn:aws-cn:sns:cn-northwest-1:123456789012:t", "sns.cn-northwest-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:sns:us-gov-east-1:123456789012:t", "sns.us-gov-east-1.amazonaws.com"),
        ("arn:aws-eusc:sns:eusc-de-east-1:123456789012:t", "sns.eusc-de-east-1.amazonaws.eu"),
    ],
)
@pytest.mark.parametrize("port", ["", ":443"])
def test_sns_own_urls_pass_in_each_partition(arn: str, host: str, port: str) -> None:
    topic = parse_topic_arn(arn)
    check_certificate_url(f"https://{host}{port}{PATH}", topic)
    check_subscribe_url(f"https://{host}{port}/?Action=ConfirmSubscription&TopicArn={arn}&Token={TOKEN}", topic, TOKEN)


def test_real_urls_pass(shared: Path) -> None:
    for file in (shared / "sns").glob("*.json"):
        fields = json.loads(file.read_bytes())
        check_certificate_url(fields["SigningCertURL"], parse_topic_arn(fields["TopicArn"]))
        if "Token" in fields:
            check_subscribe_url(fields["SubscribeURL"], parse_topic_arn(fields["TopicArn"]), fields["Token"])


@pytest.mark.parametrize(
    "url",
    [
        "",
        PATH,
        f"http://sns.us-west-2.amazonaws.com{PATH}",
        f"HTTPS://sns.us-west-2.amazonaws.com{PATH}",
        f"https://sns.us-east-1.amazonaws.com{PATH}",
        f"https://sns.us-west-2.amazonaws.com.cn{PATH}",
        f"https://sns.us-west-2.amazonaws.eu{PATH}",
        f"https://sns.us-west-2.amazonaws.com.evil.example{PATH}",
        f"https://sns.us-west-2.amazonaws.com.{PATH}",
        f"https://sns.s3-us-west-2.amazonaws.com{PATH}",
        f"https://sns.us-west-2.s3.amazonaws.com{PATH}",
        f"https://xsns.us-west-2.amazonaws.com{PATH}",
        f"https://SNS.us-west-2.amazonaws.com{PATH}",
        f"https://sns.us-west-2.amazonaws.com@evil.example{PATH}",
        f"https://user@sns.us-west-2.amazonaws.com{PATH}",
        f"https://sns.us-west-2.amazonaws.com:444{PATH}",
        f"https://sns.us-west-2.amazonaws.com:0443{PATH}",
        f"https://sns.us-west-2.amazonaws.com:{PATH}",
        f"https://sns.us-west-2.amazonaws.com\\@evil.example{PATH}",
        f"{HOST}/{PATH}",
        f"{HOST}/x{PATH}",
        f"{HOST}/..{PATH}",
        f"{HOST}{PATH}?",
        f"{HOST}{PATH}?x=1",
        f"{HOST}{PATH}#",
        f"{HOST}{PATH}\n",
        f" {HOST}{PATH}",
        f"{HOST}{PATH}/",
        f"{HOST}{PATH.upper()}",
        f"{HOST}/SimpleNotificationService-{HEX.upper()}.pem",
        f"{HOST}/SimpleNotificationService-{HEX[1:]}.pem",
        f"{HOST}/SimpleNotificationService-{HEX}0.pem",
        f"{HOST}/SimpleNotificationService-{HEX[1:]}g.pem",
        f"{HOST}/SimpleNotificationService-{HEX[1:]}\u0660.pem",
        f"{HOST}/SimpleNotificationService-{HEX}%2epem",
        f"{HOST}/SimpleNotificationService-{HEX}xpem",
        f"{HOST}/%53impleNotificationService-{HEX}.pem",
    ],
)
def test_other_certificate_urls_are_refused(url: str) -> None:
    with pytest.raises(NotAuthentic) as raised:
        check_certificate_url(url, TOPIC)
    assert raised.value.reason == "certificate_url"
    assert raised.value.detail.isprintable()


def test_every_one_character_change_that_is_no_other_digit_is_refused() -> None:
    url = HOST + PATH
    digits = range(url.index(HEX), url.index(HEX) + len(HEX))
    for place, character in enumerate(url):
        for other in "aZ09./:-@%?#\\é \n":
            if other != character and not (place in digits and other in "a09"):
                with pytest.raises(NotAuthentic):
                    check_certificate_url(url[:place] + other + url[place + 1 :], TOPIC)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60).map(lambda text: f"{HOST}{text}"))
def test_what_passes_goes_to_sns_for_every_url_parser(url: str) -> None:
    try:
        check_certificate_url(url, TOPIC)
    except NotAuthentic:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.hostname) == ("https", "sns.us-west-2.amazonaws.com")
    assert parts.port in {None, 443}
    assert (parts.path, parts.query, parts.fragment, parts.username) == (PATH, "", "", None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        HOST,
        f"{HOST}/",
        f"{HOST}/?",
        f"{HOST}/?Action=ConfirmSubscription",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.text}",
        f"{HOST}/?Action=Subscribe&TopicArn={TOPIC.text}&Token={TOKEN}",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.text}x&Token={TOKEN}",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.text}&Token={TOKEN}0",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.text}&Token=",
        f"{HOST}/?action=ConfirmSubscription&TopicArn={TOPIC.text}&Token={TOKEN}",
        f"{SUBSCRIBE}&",
        f"{SUBSCRIBE}&Token={TOKEN}",
        f"{SUBSCRIBE}&Action=Unsubscribe",
        f"{SUBSCRIBE}&AuthenticateOnUnsubscribe=true",
        f"{SUBSCRIBE}#x",
        f"{SUBSCRIBE}\n",
        SUBSCRIBE.replace("arn:aws", "arn%3Aaws"),
        SUBSCRIBE.replace("&", ";"),
        SUBSCRIBE.replace("https", "http"),
        SUBSCRIBE.replace("us-west-2.amazonaws", "us-east-1.amazonaws"),
        SUBSCRIBE.replace("/?", "/x?"),
        SUBSCRIBE.replace("/?", "//?"),
        SUBSCRIBE.replace("/?", "@evil.example/?"),
        SUBSCRIBE.replace("/?", ":8443/?"),
        SUBSCRIBE.replace("/?", ".evil.example/?"),
    ],
)
def test_other_subscribe_urls_are_refused(url: str) -> None:
    with pytest.raises(NotAuthentic) as raised:
        check_subscribe_url(url, TOPIC, TOKEN)
    assert raised.value.reason == "subscribe_url"


def test_every_one_character_change_of_a_subscribe_url_is_refused() -> None:
    for place, character in enumerate(SUBSCRIBE):
        for other in "aZ0./:-@%?#&=+\\é \n":
            changed = SUBSCRIBE[:place] + other + SUBSCRIBE[place + 1 :]
            if other != character and not is_same_without_slash(changed):
                with pytest.raises(NotAuthentic):
                    check_subscribe_url(changed, TOPIC, TOKEN)


def is_same_without_slash(url: str) -> bool:
    return url == SUBSCRIBE.replace("/?", "??")


@given(st.lists(PIECES | st.sampled_from(SUBSCRIBE.split("&")), max_size=10).map("&".join))
def test_any_subscribe_url_passes_or_is_refused(url: str) -> None:
    with suppress(NotAuthentic):
        check_subscribe_url(url, TOPIC, TOKEN)


def test_the_order_of_the_query_does_not_matter() -> None:
    check_subscribe_url(f"{HOST}?Token={TOKEN}&TopicArn={TOPIC.text}&Action=ConfirmSubscription", TOPIC, TOKEN)


def test_a_token_cannot_smuggle_a_parameter_in() -> None:
    url = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.text}&Token=a&x=1"
    with pytest.raises(NotAuthentic):
        check_subscribe_url(url, TopicArn(**{name: getattr(TOPIC, name) for name in TOPIC.__slots__}), "a&x=1")
