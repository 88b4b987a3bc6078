import json
from typing import Any

import pytest

from receiver.simulators.sns import Answer, Flavour, NotConfirmed, SimulatedSns, SimulationError, Status
from receiver.simulators.sns.authority import signed_text

NOWHERE = "http://127.0.0.1:9/sns"


async def test_subscribe_waits_for_the_confirmation(endpoint: Any) -> None:
    async with SimulatedSns() as sns:
        subscription = await sns.subscribe(endpoint.url)
        assert subscription.status is Status.CONFIRMED
        assert subscription.arn in endpoint.confirmation
        assert sns.subscription_arn(endpoint.url) == subscription.arn


async def test_publish_sends_a_signed_notification(endpoint: Any) -> None:
    async with SimulatedSns(signature_version="2") as sns:
        await sns.subscribe(endpoint.url)
        answer = await sns.publish(endpoint.url, {"é": 1}, subject="s", attributes={"a": "b"}, message_id="m")
        assert (answer.taken, answer.status, answer.attempts, answer.text) == (True, 200, 1, "answer 200")
        (message,) = endpoint.of_type("Notification")
        assert json.loads(message["Message"]) == {"é": 1}
        assert message["Signature"] == sns.authority.sign(message, "2")
        assert b"Subject\ns\n" in signed_text(message)
        headers = endpoint.headers[-1]
    assert headers["User-Agent"] == "Amazon Simple Notification Service Agent"
    assert headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert headers["x-amz-sns-message-id"] == message["MessageId"] == "m"
    assert headers["x-amz-sns-subscription-arn"] in message["UnsubscribeURL"]
    assert "Accept" not in headers


async def test_an_endpoint_that_only_answers_has_not_confirmed(endpoint: Any) -> None:
    endpoint.confirms = False
    async with SimulatedSns() as sns:
        with pytest.raises(NotConfirmed, match=r"answered 200 but did not confirm .* within 0.2 s.* allow the topic"):
            await sns.subscribe(endpoint.url, within=0.2)


async def test_a_refusal_is_final_and_says_why(endpoint: Any) -> None:
    endpoint.confirms = False
    endpoint.statuses = [403]
    async with SimulatedSns() as sns:
        with pytest.raises(NotConfirmed, match="refused the subscription confirmation with 403: answer 403"):
            await sns.subscribe(endpoint.url)
    assert len(endpoint.messages) == 1


async def test_an_endpoint_that_is_busy_is_asked_again(endpoint: Any) -> None:
    endpoint.confirms = False
    endpoint.statuses = [503, 429]
    async with SimulatedSns() as sns:
        with pytest.raises(NotConfirmed, match="answered 200"):
            await sns.subscribe(endpoint.url, within=2)
    assert len(endpoint.of_type("SubscriptionConfirmation")) == 3


async def test_an_endpoint_that_is_not_there_is_named_without_its_password() -> None:
    async with SimulatedSns() as sns:
        with pytest.raises(NotConfirmed, match="connection refused") as error:
            await sns.subscribe("http://user:hush@127.0.0.1:9/sns", within=0.3)
    assert "hush" not in str(error.value)


async def test_localstack_sends_nothing_before_it_is_confirmed(endpoint: Any) -> None:
    async with SimulatedSns(flavour=Flavour.LOCALSTACK) as sns:
        with pytest.raises(NotConfirmed, match="LocalStack sends it nothing"):
            await sns.publish(endpoint.url, "text")
        assert endpoint.messages == []
        await sns.subscribe(endpoint.url)
        assert (await sns.publish(endpoint.url, "text")).taken
        assert len(endpoint.of_type("Notification")) == 1


async def test_unsubscribe_ends_it(endpoint: Any) -> None:
    async with SimulatedSns(flavour=Flavour.LOCALSTACK) as sns:
        with pytest.raises(NotConfirmed, match="no confirmed subscription"):
            await sns.unsubscribe(endpoint.url)
        await sns.subscribe(endpoint.url)
        assert (await sns.unsubscribe(endpoint.url)).taken
        with pytest.raises(NotConfirmed):
            await sns.publish(endpoint.url, "text")
    assert len(endpoint.of_type("UnsubscribeConfirmation")) == 1


async def test_basic_auth_in_the_url_is_sent_as_a_header(endpoint: Any) -> None:
    async with SimulatedSns() as sns:
        await sns.publish(endpoint.url.replace("//", "//user:word@"), "text")
    assert endpoint.headers[0]["Authorization"] == "Basic dXNlcjp3b3Jk"


async def test_signer_lines_are_toml(endpoint: Any) -> None:
    import tomllib

    async with SimulatedSns() as sns:
        (signer,) = tomllib.loads(sns.signer('/a "b"\\c.pem'))["sns"]["signers"]
        assert signer == {"url": sns.url, "certificate": '/a "b"\\c.pem'}


async def test_url_given_stands_in_every_message(endpoint: Any) -> None:
    async with SimulatedSns(url="http://sns.test:4566/") as sns:
        push = sns.messages().notification("t", subscription="s", sent_at=0)
        assert (await sns.deliver(endpoint.url, push)) == Answer(200, "", pytest.approx(0, abs=20), 1, "answer 200")
    message = endpoint.messages[0]
    assert message["SigningCertURL"].startswith("http://sns.test:4566/Simple")
    assert message["UnsubscribeURL"].startswith("http://sns.test:4566/?Action")


async def test_what_cannot_be_set_up() -> None:
    with pytest.raises(SimulationError, match="is not the ARN of a topic"):
        SimulatedSns(topic="orders")
    with pytest.raises(SimulationError, match="write HOST:PORT"):
        SimulatedSns(listen="4566")
    async with SimulatedSns() as sns:
        taken = sns.url.removeprefix("http://").rstrip("/")
        with pytest.raises(SimulationError, match=f"cannot listen on {taken}: .*in use"):
            async with SimulatedSns(listen=taken):
                pass
