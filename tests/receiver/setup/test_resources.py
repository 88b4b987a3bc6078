"""What SP-API can deliver to, and which type needs which."""

import pytest

from receiver.setup.errors import SetupError
from receiver.setup.kinds import kind
from receiver.setup.resources import EventBridge, Queue, Resources, described

ACCOUNT = "123456789012"
ARN = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:sp-api"


def test_a_queue() -> None:
    queue = Queue.parse(ARN)
    assert (queue.region, queue.account_id, queue.name) == ("eu-west-1", ACCOUNT, "sp-api")
    assert queue.is_of({"resource": {"sqs": {"arn": ARN}, "eventBridge": None}})
    assert not queue.is_of({"resource": {"sqs": None}})
    assert not queue.is_of({})


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/x", "takes the ARN of a queue"),
        (f"{ARN}\n", "takes the ARN of a queue"),
        (f"{ARN}';rm", "takes the ARN of a queue"),
        (f"{ARN}.fifo", "standard queues only, and sp-api.fifo is a FIFO queue"),
        (ARN.replace("eu-west-1", "-"), "'-' is not an AWS region"),
    ],
)
def test_what_is_no_queue_of_use(arn: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        Queue.parse(arn)


def test_event_bridge() -> None:
    bus = EventBridge.parse(ACCOUNT, "us-east-1")
    there = {"accountId": ACCOUNT, "region": "us-east-1", "name": "aws.partner/x"}
    assert bus.is_of({"resource": {"eventBridge": there}})
    assert not bus.is_of({"resource": {"eventBridge": there | {"region": "eu-west-1"}}})
    assert described({"resource": {"eventBridge": there}}) == (
        "event-bridge",
        f"{ACCOUNT} us-east-1 aws.partner/x",
    )
    for account, region in [("12345", "us-east-1"), (ACCOUNT, "us"), (f"{ACCOUNT}\n", "us-east-1")]:
        with pytest.raises(SetupError):
            EventBridge.parse(account, region)


def test_the_resource_of_a_type_or_the_option_that_is_missing() -> None:
    queue, bus = Queue.parse(ARN), EventBridge.parse(ACCOUNT, "eu-west-1")
    orders, listings, new = kind("ORDER_CHANGE"), kind("LISTINGS_ITEM_STATUS_CHANGE"), kind("NEW_ONE", "1.0")
    both = Resources(bus, queue)
    assert [both.of(item) for item in (orders, listings, new)] == [queue, bus, queue]
    assert Resources(bus).of(new) == bus
    with pytest.raises(SetupError, match="ORDER_CHANGE to an SQS queue, not to EventBridge: add --sqs"):
        Resources(bus).of(orders)
    with pytest.raises(SetupError, match="LISTINGS_ITEM_STATUS_CHANGE to EventBridge, not to SQS: add --event-bridge"):
        Resources(None, queue).of(listings)
    with pytest.raises(SetupError, match="--event-bridge carries none of ORDER_CHANGE: leave it out"):
        both.check_used([orders])
