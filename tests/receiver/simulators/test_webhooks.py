import pytest

from receiver.simulators.errors import SimulationError
from receiver.simulators.webhooks import InvalidWebhook, WebhookCheck

# The example of the Standard Webhooks specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
NOW = 1614265330.0


def check(headers: dict[str, str], body: bytes = BODY, now: float = NOW) -> None:
    WebhookCheck(SECRET, lambda: now)(headers, body)


def test_the_specifications_example_holds() -> None:
    check(HEADERS)
    check(HEADERS | {"webhook-signature": "v2,AAAA v1,AAAA " + HEADERS["webhook-signature"]})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-id": "msg_other"}, "does not match"),
        ({"webhook-id": ""}, "missing"),
        ({"webhook-timestamp": "1614265331"}, "does not match"),
        ({"webhook-timestamp": "soon"}, "missing"),
        ({"webhook-signature": ""}, "does not match"),
        ({"webhook-signature": "v1,é"}, "does not match"),
        ({"webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, "does not match"),
    ],
)
def test_what_was_changed_is_refused(change: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidWebhook, match=reason):
        check(HEADERS | change)


def test_another_body_or_time_is_refused() -> None:
    with pytest.raises(InvalidWebhook, match="does not match"):
        check(HEADERS, BODY + b" ")
    for now in (NOW - 301, NOW + 301):
        with pytest.raises(InvalidWebhook, match="too far"):
            check(HEADERS, now=now)


def test_a_bad_secret_is_not_repeated() -> None:
    with pytest.raises(SimulationError) as error:
        WebhookCheck("whsec_hush!")
    assert "hush" not in str(error.value)
