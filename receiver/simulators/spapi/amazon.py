"""The whole way of a call through the stand-in: route, token, plan, parameters, answer."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from handlers import registry
from receiver.simulators.spapi import access
from receiver.simulators.spapi.ask import Answer, Ask, Rejected, invalid
from receiver.simulators.spapi.books import books, empty
from receiver.simulators.spapi.documents import Documents
from receiver.simulators.spapi.plans import Plans
from receiver.simulators.spapi.routes import Routes
from receiver.simulators.spapi.settings import Settings
from receiver.simulators.spapi.shop import Shop, World
from receiver.simulators.spapi.tokens import Bearer, Tokens
from receiver.simulators.spapi.works import Works

_RESTRICTED_TOKEN = "tokens.2021-03-01.createRestrictedDataToken"  # noqa: S105 - an operation's name


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way out."""

    status: int
    headers: Mapping[str, str]
    body: Any = None
    operation: str = "unknown"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call on its way in."""

    method: str
    raw_path: str
    """Percent-encoded, without the query."""
    query: str
    token: str | None
    content: bytes
    base: str


@dataclass(slots=True)
class Statistics:
    """What came in, for tests and for people."""

    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By operation and status."""

    def of_status(self, status: int) -> int:
        """How many calls were answered so."""
        return sum(count for (_operation, answered), count in self.calls.items() if answered == status)


class Amazon:
    """SP-API but for its sockets."""

    def __init__(self, settings: Settings, documents: Documents, clock: Callable[[], float]) -> None:
        self.tokens = Tokens(settings)
        self.statistics = Statistics()
        self.world = World({shop.seller_id: shop for shop in _shops(settings, clock())})
        self._routes = Routes(registry.spapi().Catalogue.load())
        self._plans = Plans(settings.plans, settings.plan_factor)
        self._books = books(Works(documents, settings.report_time))
        self._clock = clock

    def reply(self, arrival: Arrival) -> Reply:
        """The answer to a call."""
        headers = {"x-amzn-RequestId": str(uuid.uuid4())}
        name = "unknown"
        try:
            operation, fields = self._routes.find(arrival.method, arrival.raw_path)
            name = operation.full_name
            bearer = self.tokens.bearer(arrival.token, self._clock())
            elements = access.check(operation, arrival.raw_path, bearer)
            self._admit(operation, bearer)
            headers["x-amzn-RateLimit-Limit"] = f"{self._plans.rate(operation):g}"
            answer = self._answer(operation, arrival, bearer, fields, elements)
        except Rejected as rejected:
            answer = Answer(rejected.body, rejected.status)
        return Reply(answer.status, headers, answer.json, name)

    def _admit(self, operation: Any, bearer: Bearer) -> None:
        if not self._plans.admits(bearer.seller_id or "application", operation, self._clock()):
            raise Rejected(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")

    def _answer(
        self,
        operation: Any,
        arrival: Arrival,
        bearer: Bearer,
        fields: dict[str, list[str]],
        elements: frozenset[str],
    ) -> Answer:
        arguments = fields | _query(arrival.query)
        _check(operation, arguments)
        ask = Ask(
            operation=operation,
            shop=self.world.shops.get(bearer.seller_id),
            arguments=arguments,
            body=_body(operation, arrival.content),
            now=self._clock(),
            base=arrival.base,
            world=self.world,
            elements=elements,
        )
        if operation.full_name == _RESTRICTED_TOKEN:
            return Answer(self.tokens.restricted(bearer, ask.body, ask.now))
        return self._books.get(operation.full_name, empty)(ask)


def _shops(settings: Settings, now: float) -> list[Shop]:
    numbers = range(1, settings.sellers + 1)
    shops = [Shop(settings.seller_id(number), settings.region, now, settings.orders) for number in numbers]
    for shop in shops:
        shop.stock(settings.skus)
    return shops


def _query(query: str) -> dict[str, list[str]]:
    arguments: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        arguments.setdefault(name, []).append(value)
    return arguments


def _check(operation: Any, arguments: Mapping[str, list[str]]) -> None:
    """Required parameters must be there; SP-API takes no notice of those it does not know."""
    for parameter in operation.parameters:
        if parameter.required and parameter.place == "query" and not any(arguments.get(parameter.name, [])):
            raise invalid(f"{parameter.name} is required")


def _body(operation: Any, content: bytes) -> Any:
    if not operation.takes_body:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise invalid("The body is not JSON") from None
