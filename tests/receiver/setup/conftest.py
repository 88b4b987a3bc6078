"""Routes for the printed AWS side."""

import pytest

from receiver.setup.resources import EventBridge, Queue, Resources
from receiver.setup.route import Route

ACCOUNT = "123456789012"
SOURCE = f"aws.partner/sellingpartnerapi.amazon.com/{ACCOUNT}/amzn1.sp.solution.0a1b2c3d"


def made(kinds: str, endpoint: str = "https://notify.example.com/sns") -> Route:
    bus = EventBridge.parse(ACCOUNT, "eu-west-1") if "bus" in kinds else None
    queue = Queue.parse(f"arn:aws:sqs:eu-west-1:{ACCOUNT}:sp-api") if "queue" in kinds else None
    return Route.parse("sp-api-notifications", endpoint, Resources(bus, queue), SOURCE)


@pytest.fixture(params=["queue", "bus", "queue and bus"])
def route(request: pytest.FixtureRequest) -> Route:
    return made(request.param)
