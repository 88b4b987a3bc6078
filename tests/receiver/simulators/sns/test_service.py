from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from cryptography import x509

from receiver.simulators.sns import Authority, Flavour, SimulatedSns, Status

NAMESPACE = "{http://sns.amazonaws.com/doc/2010-03-31/}"


async def get(url: str, **query: str) -> tuple[int, str, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, params=query) as response:
        return response.status, response.content_type, await response.read()


def text_of(xml: bytes, name: str) -> str | None:
    return ET.fromstring(xml).findtext(f".//{NAMESPACE}{name}")


@pytest.mark.parametrize("flavour", Flavour)
async def test_the_certificate_is_where_the_messages_say(flavour: Flavour) -> None:
    async with SimulatedSns(flavour=flavour) as sns:
        status, kind, body = await get(sns.messages().certificate_url)
    assert (status, kind) == (200, "application/x-pem-file")
    assert x509.load_pem_x509_certificates(body) == [sns.authority.leaf]


async def test_the_intermediate_can_be_fetched() -> None:
    authority = Authority.create()
    async with SimulatedSns(authority=authority) as sns:
        status, _kind, body = await get(sns.url + "issuer.cer")
    assert status == 200
    assert x509.load_der_x509_certificate(body) == authority.issuers[0]
    async with SimulatedSns(authority=Authority.self_signed()) as sns:
        assert (await get(sns.url + "issuer.cer"))[0] == 404


async def test_confirming_answers_the_arn_and_again_is_harmless() -> None:
    async with SimulatedSns() as sns:
        pending = sns.subscriptions.add(sns.topic, "http://127.0.0.1:1/")
        assert pending.status is Status.PENDING
        for _ in range(2):
            status, kind, xml = await get(
                sns.url, Action="ConfirmSubscription", TopicArn=sns.topic, Token=pending.token
            )
            assert (status, kind) == (200, "text/xml")
            assert text_of(xml, "SubscriptionArn") == pending.arn
        assert pending.status is Status.CONFIRMED
        assert list(sns.subscriptions) == [pending]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"Token": "0" * 288}, "InvalidParameter", "Invalid parameter: Token"),
        ({"Token": ""}, "InvalidParameter", "Invalid parameter: Token"),
        ({"Token": "é"}, "InvalidParameter", "Invalid parameter: Token"),
        ({"TopicArn": "arn:aws:sns:us-east-1:123456789012:other"}, "InvalidParameter", "Invalid parameter: TopicArn"),
        ({"TopicArn": ""}, "InvalidParameter", "Invalid parameter: TopicArn"),
        ({"Action": "Publish<"}, "InvalidAction", "The action Publish< is not valid for this endpoint."),
        ({"Action": "Unsubscribe"}, "InvalidParameter", "Invalid parameter: SubscriptionArn"),
        (
            {"Action": "Unsubscribe", "SubscriptionArn": "arn:x"},
            "InvalidParameter",
            "Invalid parameter: SubscriptionArn",
        ),
    ],
)
async def test_a_wrong_request_is_refused_as_sns_does(change: dict[str, str], code: str, message: str) -> None:
    async with SimulatedSns() as sns:
        pending = sns.subscriptions.add(sns.topic, "http://127.0.0.1:1/")
        query = {"Action": "ConfirmSubscription", "TopicArn": sns.topic, "Token": pending.token}
        status, _kind, xml = await get(sns.url, **(query | change))
        assert status == 400
        assert text_of(xml, "Code") == code
        assert text_of(xml, "Message") == message
        assert pending.status is Status.PENDING


async def test_unsubscribing_sends_the_confirmation(endpoint: Any) -> None:
    async with SimulatedSns() as sns:
        subscription = await sns.subscribe(endpoint.url)
        for _ in range(2):
            status, _kind, xml = await get(sns.url, Action="Unsubscribe", SubscriptionArn=subscription.arn)
            assert status == 200
            assert text_of(xml, "RequestId")
        await endpoint.wait_for(2)
        assert subscription.status is Status.REMOVED
    (message,) = endpoint.of_type("UnsubscribeConfirmation")
    assert subscription.arn in message["Message"]
    assert message["Token"] in message["SubscribeURL"]
