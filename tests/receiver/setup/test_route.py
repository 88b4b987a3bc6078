"""What the AWS side may be called, and which arguments cannot make one."""

import pytest

from receiver.setup.errors import SetupError
from receiver.setup.resources import EventBridge, Queue, Resources
from receiver.setup.route import Route

ACCOUNT = "123456789012"
SOURCE = f"aws.partner/sellingpartnerapi.amazon.com/{ACCOUNT}/amzn1.sp.solution.0a1b2c3d"
QUEUE = Queue.parse(f"arn:aws:sqs:eu-west-1:{ACCOUNT}:sp-api")
BUS = EventBridge.parse(ACCOUNT, "eu-west-1")


def test_names_and_arns() -> None:
    route = Route.parse("n", "https://h:8443/sns?a=b", Resources(BUS, QUEUE), SOURCE)
    assert route.topic_arn == f"arn:aws:sns:eu-west-1:{ACCOUNT}:n"
    assert (route.dead_letters_name, route.role_name) == ("n-dead-letters", "n-pipe-eu-west-1")


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a\n", "$(x)", "'", "9", "a" * 41, "ä"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(SetupError, match="--name takes a letter"):
        Route.parse(name, "https://h/sns", Resources(None, QUEUE), None)


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://h/sns", "takes the https URL"),
        ("https:///sns", "takes the https URL"),
        ("https://h/s n", "takes the https URL"),
        ("https://h/\nrm", "takes the https URL"),
        ("https://h/#part", "takes the https URL"),
        ("https://h:99999/", "takes the https URL"),
        ("https://ü/", "takes the https URL"),
        ("https://user:hunter2@h/sns", "without user and password"),
    ],
)
def test_endpoints_that_are_refused(endpoint: str, said: str) -> None:
    with pytest.raises(SetupError, match=said) as raised:
        Route.parse("n", endpoint, Resources(None, QUEUE), None)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("resources", "source", "said"),
    [
        (Resources(), None, "name where SP-API delivers"),
        (Resources(EventBridge.parse(ACCOUNT, "us-east-1"), QUEUE), SOURCE, "print it for each of them"),
        (Resources(EventBridge.parse("000000000000", "eu-west-1"), QUEUE), SOURCE, "000000000000 eu-west-1 and 1234"),
        (Resources(BUS), None, "set application_id under"),
        (Resources(BUS), SOURCE.replace(ACCOUNT, "000000000000"), f"takes a name like .*{ACCOUNT}"),
        (Resources(BUS), f"{SOURCE}';x", "takes a name like"),
        (Resources(None, Queue.parse(f"{QUEUE.arn[:-6]}n-dead-letters")), None, "choose another name"),
    ],
)
def test_what_makes_no_route(resources: Resources, source: str | None, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        Route.parse("n", "https://h/sns", resources, source)
