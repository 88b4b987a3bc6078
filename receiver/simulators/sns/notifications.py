"""Fresh notifications made from Amazon's examples: new ids, present times, plausible sellers and orders."""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from receiver.simulators.sns.examples import Example
from receiver.simulators.sns.messages import iso

_LETTERS = string.ascii_uppercase + string.digits
_MARKETPLACES = ("ATVPDKIKX0DER", "A1F83G8C2ARO7P", "A1PA6795UKMFR9", "A13V1IB3VIYZZH", "A1VC38T7YXB528")
_SELLERS = 5
_OTHER_SELLERS = "Offers"
_ACCOUNT_PREFIX = "amzn1.merchant.o."
_HAPPENED = frozenset({"TimeOfOrderChange", "TimeOfOfferChange", "occurredAt", "CreatedDate"})
_METADATA = ("NotificationMetadata", "notificationMetadata")
_PAYLOAD = ("Payload", "payload")


@dataclass(frozen=True, slots=True)
class Seller:
    """A seller and the marketplace it sells in."""

    id: str
    marketplace: str


@dataclass(frozen=True, slots=True)
class Fresh:
    """A notification and the ids by which it is known."""

    type: str
    notification_id: str
    body: Mapping[str, Any]


class Freshener:
    """Makes notifications out of examples. The same `random` state makes the same ones."""

    def __init__(self, random: Random, sellers: Sequence[Seller] = ()) -> None:
        """The notifications are of `sellers`, of made-up ones where none are given."""
        self._random = random
        self._sellers = sellers or [
            Seller("A" + self._letters(13), random.choice(_MARKETPLACES)) for _ in range(_SELLERS)
        ]

    def uuid(self) -> str:
        """A random UUID, version 4."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def freshen(self, example: Example, now: float) -> Fresh:
        """A notification like the example whose event happened up to two seconds before `now`."""
        notification_id = self.uuid()
        happened = now - self._random.uniform(0.05, 2.0)
        ids = self._ids()
        shift = timedelta(seconds=happened) - _happened(example.notification)
        body = {name: _fresh(name, value, ids, shift) for name, value in example.notification.items()}
        body |= {name: iso(happened) for name in ("EventTime", "eventTime") if name in body}
        for name in _METADATA:
            if name in body:
                body[name] = _metadata(body[name], notification_id, now)
        return Fresh(example.type, notification_id, body)

    def published_again(self, fresh: Fresh, now: float) -> Fresh:
        """The same notification as SP-API sends it again: its NotificationId stays, its PublishTime is new."""
        body = {
            name: _metadata(value, fresh.notification_id, now) if name in _METADATA else value
            for name, value in fresh.body.items()
        }
        return Fresh(fresh.type, fresh.notification_id, body)

    def _ids(self) -> Mapping[str, Callable[[Any], Any]]:
        """New values by the lower-case name of the field; a field holds the same one wherever it stands."""
        seller = self._random.choice(self._sellers)
        order, asin, number = self._order_id(), "B0" + self._letters(8), self._digits(11)
        sku, document = f"SKU-{self._letters(6)}", f"amzn1.tortuga.4.eu.{self.uuid()}.{self._letters(13)}"
        return {
            "sellerid": lambda _old: seller.id,
            "merchantid": lambda _old: seller.id,
            "accountid": lambda old: _ACCOUNT_PREFIX + seller.id if old.startswith(_ACCOUNT_PREFIX) else old,
            "marketplaceid": lambda _old: seller.marketplace,
            "amazonorderid": lambda _old: order,
            "amazonshipmentid": lambda _old: order[-9:],
            "asin": lambda old: asin if len(old) < 10 or not old.startswith("B0") else old,
            "sku": lambda _old: sku,
            "sellersku": lambda _old: sku,
            "reportid": lambda _old: number,
            "feedid": lambda _old: number,
            "queryid": lambda _old: number,
            "reportdocumentid": lambda _old: document,
            "resultfeeddocumentid": lambda _old: document,
            "datadocumentid": lambda _old: document,
        }

    def _order_id(self) -> str:
        return f"{self._digits(3)}-{self._digits(7)}-{self._digits(7)}"

    def _digits(self, count: int) -> str:
        return str(self._random.randrange(10 ** (count - 1), 10**count))

    def _letters(self, count: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=count))


def _metadata(metadata: Mapping[str, Any], notification_id: str, now: float) -> dict[str, Any]:
    fresh = {"notificationid": notification_id, "publishtime": iso(now)}
    return {name: fresh.get(name.lower(), value) for name, value in metadata.items()}


def _fresh(name: str, value: Any, ids: Mapping[str, Callable[[Any], Any]], shift: timedelta) -> Any:
    """A copy of a value with its ids replaced and its times moved. Sellers of competing offers stay."""
    if isinstance(value, Mapping):
        return {inner: _fresh(inner, item, ids, shift) for inner, item in value.items()}
    if isinstance(value, list):
        ids = {} if name == _OTHER_SELLERS else ids
        return [_fresh(name, item, ids, shift) for item in value]
    if isinstance(value, str):
        replace = ids.get(name.lower())
        return replace(value) if replace else _moved(value, shift)
    return value


def _moved(value: str, shift: timedelta) -> str:
    moment = _time(value)
    return value if moment is None else iso((moment + shift).total_seconds())


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


def _time(value: str) -> timedelta | None:
    """Time since the epoch of an ISO 8601 time with a date, a time and a zone, None for any other text."""
    if "T" not in value or not value.endswith("Z"):
        return None
    try:
        return datetime.fromisoformat(value) - _EPOCH
    except ValueError:
        return None


def _happened(notification: Mapping[str, Any]) -> timedelta:
    """When an example's event happened: the latest time that says so, else its EventTime."""
    payload = next(notification[name] for name in _PAYLOAD if name in notification)
    times = list(_times(payload))
    event_time = notification.get("EventTime") or notification["eventTime"]
    return max(times) if times else datetime.fromisoformat(event_time) - _EPOCH


def _times(value: Any, name: str = "") -> list[timedelta]:
    if isinstance(value, Mapping):
        return [time for inner, item in value.items() for time in _times(item, inner)]
    if isinstance(value, list):
        return [time for item in value for time in _times(item, name)]
    moment = _time(value) if name in _HAPPENED and isinstance(value, str) else None
    return [] if moment is None else [moment]
