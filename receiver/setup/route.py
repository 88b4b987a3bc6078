"""The AWS side of notifications: from where SP-API delivers, by an SNS topic, to this daemon's URL."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from receiver.setup.errors import SetupError
from receiver.setup.resources import EventBridge, Queue, Resources

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_SOURCE = re.compile(r"aws\.partner/sellingpartnerapi\.amazon\.com/[0-9]{12}/[A-Za-z0-9._-]{1,128}")
_URL = re.compile(r"https://[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Route:
    """What is to be built in an AWS account and region, by names that are fit for every service."""

    name: str
    endpoint: str
    account_id: str
    region: str
    queue_name: str | None
    event_source: str | None

    @classmethod
    def parse(cls, name: str, endpoint: str, resources: Resources, event_source: str | None) -> "Route":
        """Raises SetupError."""
        if not _NAME.fullmatch(name):
            raise SetupError(f"--name takes a letter, then letters, digits and hyphens, at most 40, not {name!r}")
        queue, bus = resources.queue, resources.event_bridge
        account_id, region = _place(bus, queue)
        if queue is not None and queue.name == f"{name}-dead-letters":
            raise SetupError(f"--name {name} makes a queue {queue.name} of its own: choose another name")
        source = None if bus is None else _source(event_source, bus)
        return cls(name, _endpoint(endpoint), account_id, region, queue.name if queue else None, source)

    @property
    def dead_letters_name(self) -> str:
        """The queue for what could not be delivered."""
        return f"{self.name}-dead-letters"

    @property
    def role_name(self) -> str:
        """The pipe's role; roles of all regions share one namespace."""
        return f"{self.name}-pipe-{self.region}"

    @property
    def topic_arn(self) -> str:
        """The topic's ARN: what `topics` under [sns] must allow."""
        return f"arn:aws:sns:{self.region}:{self.account_id}:{self.name}"


def _place(bus: EventBridge | None, queue: Queue | None) -> tuple[str, str]:
    places = {(item.account_id, item.region) for item in (bus, queue) if item is not None}
    if len(places) == 1:
        return places.pop()
    if not places:
        raise SetupError("name where SP-API delivers: --sqs ARN, --event-bridge AWS_ACCOUNT_ID, or both")
    shown = " and ".join(f"{account_id} {region}" for account_id, region in sorted(places))
    raise SetupError(f"one AWS side is in one account and region, and these are {shown}: print it for each of them")


def _source(given: str | None, bus: EventBridge) -> str:
    """The name of the partner event source that createDestination makes in the account."""
    if given is None:
        raise SetupError(
            "the name of the partner event source is not known: set application_id under [spapi], or give "
            "--event-source NAME as `spapi-router destinations list` shows it"
        )
    if not _SOURCE.fullmatch(given) or given.split("/")[2] != bus.account_id:
        raise SetupError(
            "--event-source takes a name like aws.partner/sellingpartnerapi.amazon.com/"
            f"{bus.account_id}/amzn1.sp.solution.…, not {given!r}"
        )
    return given


def _endpoint(url: str) -> str:
    """An https URL that SNS can push to. Raises SetupError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not _URL.fullmatch(url) or parts.fragment:
        raise SetupError("--endpoint takes the https URL of the daemon's SNS route, like https://example.com/sns")
    if parts.username or parts.password:
        raise SetupError(
            "--endpoint without user and password, which this would print: put them into what is printed, as "
            "https://USER:PASSWORD@host/path"
        )
    return url
