from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import NotAuthentic, Refused, RouterError, Unavailable
from receiver.notification import Envelope
from receiver.sns import Confirmer, Fetched, FetchFailed, MessageType, SnsMessage, StandIn
from receiver.sns.confirmation import _subscription

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon, Network

TOPIC = "arn:aws:sns:us-west-2:123456789012:sp-api-orders"
ARN = f"{TOPIC}:b24e11a2-06bd-4e73-aa29-0ed2de3b41b5"
TOKEN = "2336412f37fb"
URL = f"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={TOKEN}"
ANSWER = f"""<ConfirmSubscriptionResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/">
  <ConfirmSubscriptionResult><SubscriptionArn>{ARN}</SubscriptionArn></ConfirmSubscriptionResult>
  <ResponseMetadata><RequestId>7a50221f-3774-11df-a9b7-05d48da6f042</RequestId></ResponseMetadata>
</ConfirmSubscriptionResponse>"""
ERROR = b"""<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>
<Code>InvalidParameter</Code><Message>Invalid parameter: Token</Message></Error></ErrorResponse>"""
BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<a><SubscriptionArn>&c;</SubscriptionArn></a>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a><SubscriptionArn>&x;</SubscriptionArn></a>"""


def message(url: str = URL, token: str = TOKEN, kind: MessageType = "SubscriptionConfirmation") -> SnsMessage:
    envelope = Envelope("You have chosen", "id", TOPIC, 0.0)
    return SnsMessage(kind, "id", TOPIC, 0.0, envelope, token, url, b"")


async def test_a_confirmation_gives_the_subscriptions_arn_also_again(network: "Network") -> None:
    network.answers[URL] = ANSWER.encode()
    confirmer = Confirmer(network)
    assert [await confirmer.confirm(message()) for _ in range(2)] == [ARN, ARN]
    assert network.asked == [URL, URL]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://169.254.169.254/latest/meta-data/",
        URL.replace("https", "http"),
        URL.replace("us-west-2.amazonaws", "us-east-1.amazonaws"),
        URL.replace(TOKEN, TOKEN + "0"),
        URL.replace("orders", "other"),
        URL.replace("ConfirmSubscription", "Unsubscribe"),
    ],
)
async def test_only_sns_own_url_for_this_topic_and_token_is_fetched(network: "Network", url: str) -> None:
    with pytest.raises(NotAuthentic) as raised:
        await Confirmer(network).confirm(message(url))
    assert raised.value.reason == "subscribe_url"
    assert network.asked == []


@pytest.mark.parametrize("kind", ["UnsubscribeConfirmation", "Notification"])
async def test_an_unsubscribe_is_never_undone(network: "Network", kind: MessageType) -> None:
    with pytest.raises(ValueError, match=kind):
        await Confirmer(network).confirm(message(kind=kind))
    assert network.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (FetchFailed("no route to host"), "no route to host"),
        (Fetched(500, ERROR), "500 InvalidParameter: Invalid parameter: Token"),
        (Fetched(429, b""), "answered 429"),
        (b"", "not XML"),
        (b"<html><p>", "not XML"),
        (b"<ok/>", "names ''"),
        (b"<a>" + b" " * 70_000 + b"</a>", "more than 65536"),
        (ANSWER.replace(ARN, "PendingConfirmation").encode(), "PendingConfirmation"),
        (ANSWER.replace(ARN, ARN.replace("orders", "other")).encode(), "not a subscription to"),
        (ANSWER.replace(ARN, ARN + "\u202e").encode(), "not a subscription to"),
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<a>" * 10_000, "not XML"),
    ],
)
async def test_what_went_wrong_is_said_and_it_may_come_again(network: "Network", answer: Any, said: str) -> None:
    network.answers[URL] = answer
    with pytest.raises(Unavailable) as raised:
        await Confirmer(network).confirm(message())
    assert raised.value.reason == "confirmation_unavailable"
    assert said in raised.value.detail


@pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "Throttled"])
async def test_who_asks_too_often_asks_again(network: "Network", code: str) -> None:
    network.answers[URL] = Fetched(400, ERROR.replace(b"InvalidParameter", code.encode()))
    with pytest.raises(Unavailable, match=f"400 {code}"):
        await Confirmer(network).confirm(message())


@pytest.mark.parametrize("status", [400, 403, 404, 301])
async def test_a_refusal_for_good_is_not_tried_again(network: "Network", status: int) -> None:
    network.answers[URL] = Fetched(status, ERROR)
    with pytest.raises(Refused, match=f"{status} InvalidParameter: Invalid parameter: Token") as raised:
        await Confirmer(network).confirm(message())
    assert raised.value.reason == "confirmation_refused"


async def test_an_error_cannot_forge_log_lines(network: "Network") -> None:
    network.answers[URL] = Fetched(400, b"<e><Code>a&#10;b</Code><Message>&#x1b;[31m</Message></e>")
    with pytest.raises(Refused) as raised:
        await Confirmer(network).confirm(message())
    assert raised.value.detail.isprintable()


async def test_a_stand_in_confirms_at_its_own_origin(network: "Network") -> None:
    local = StandIn.open("http://localhost.localstack.cloud:4566/")
    url = URL.replace("https://sns.us-west-2.amazonaws.com", "http://localhost.localstack.cloud:4566")
    network.answers[url] = ANSWER.encode()
    assert await Confirmer(network, [local]).confirm(message(url)) == ARN
    with pytest.raises(NotAuthentic):
        await Confirmer(network).confirm(message(url))
    for other in (url + "1", url.replace("/?", "/%2e?"), url.replace("/?", "/../x?"), url.replace("/?", "//?x&")):
        with pytest.raises(NotAuthentic):
            await Confirmer(network, [local]).confirm(message(other))
    assert network.asked == [url]


async def test_a_real_confirmation_has_a_url_that_may_be_fetched(amazon: "Amazon", network: "Network") -> None:
    fields = amazon.confirmation()
    network.answers[fields["SubscribeURL"]] = ANSWER.encode()
    assert await Confirmer(network).confirm(message(fields["SubscribeURL"], fields["Token"])) == ARN


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode()))
def test_any_answer_is_read_or_refused(body: bytes) -> None:
    with pytest.raises(RouterError):
        _subscription(Fetched(200, body), TOPIC)
