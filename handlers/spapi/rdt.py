"""Restricted data tokens: the access tokens for calls that return buyers' personal data.

Source: "Tokens API Use Case Guide" of Amazon's SP-API guide. A token is bound to a method and a path; a path with its
`{fields}` unfilled stands for all of an account's resources of that kind, so that one token serves many calls.
"""

import difflib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handlers.spapi.errors import CatalogueError, SpapiFault
from handlers.spapi.flights import Flights
from handlers.spapi.lwa import AccessToken, is_token, lifetime
from handlers.spapi.operation import Operation
from handlers.spapi.request import RequestParts

ELEMENTS = ("buyerInfo", "shippingAddress", "buyerTaxInformation")
_SPECIFIC_ONLY = frozenset({"reports.2021-06-30.getReportDocument"})
"""Operations whose token must name the very path."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a restricted data token is asked for."""

    account_id: str
    method: str
    path: str
    elements: tuple[str, ...]

    @property
    def body(self) -> dict[str, Any]:
        """The body of createRestrictedDataToken."""
        resource: dict[str, Any] = {"method": self.method, "path": self.path}
        if self.elements:
            resource["dataElements"] = list(self.elements)
        return {"restrictedResources": [resource]}


def restriction(account_id: str, operation: Operation, parts: RequestParts, elements: Sequence[str]) -> Restriction:
    """The token that a call needs. Raises CatalogueError for an unknown data element, or where no token is needed."""
    for element in elements:
        if element not in ELEMENTS:
            close = difflib.get_close_matches(element, ELEMENTS, n=1)
            cure = f"did you mean {close[0]!r}?" if close else f"use {', '.join(ELEMENTS)}"
            raise CatalogueError(f"there is no restricted data element {element!r}: {cure}")
    if operation.api == "orders" and operation.has("includedData"):
        raise CatalogueError(
            f'{operation.full_name} takes no restricted data token: ask with includedData = ["BUYER", "RECIPIENT"]'
        )
    path = parts.path if operation.full_name in _SPECIFIC_ONLY else operation.path
    return Restriction(account_id, operation.method, path, tuple(sorted(set(elements))))


class RestrictedTokens:
    """Restricted data tokens, each asked for once and kept for its life."""

    def __init__(
        self,
        create: Callable[[Restriction], Coroutine[Any, Any, Mapping[str, Any]]],
        clock: Callable[[], float],
    ) -> None:
        """`create` calls createRestrictedDataToken; `clock` counts seconds since the epoch."""
        self._create = create
        self._clock = clock
        self._tokens: dict[Restriction, AccessToken] = {}
        self._flights: Flights[AccessToken] = Flights()

    async def token(self, wanted: Restriction) -> str:
        """A restricted data token. Raises what the call for it raises."""
        token = self._tokens.get(wanted)
        if token is None or self._clock() >= token.renew_at:
            token = await self._flights.join(wanted, lambda: self._fetch(wanted))
        return token.value

    def discard(self, wanted: Restriction, stale: str) -> None:
        """Forget a token, if it is still the one that Amazon refused."""
        token = self._tokens.get(wanted)
        if token is not None and token.value == stale:
            del self._tokens[wanted]

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()

    async def _fetch(self, wanted: Restriction) -> AccessToken:
        answer = await self._create(wanted)
        value = answer.get("restrictedDataToken")
        if not is_token(value):
            raise SpapiFault(f"no restricted data token came for {wanted.method} {wanted.path}")
        now = self._clock()
        token = AccessToken.issued(value, lifetime(answer.get("expiresIn")), now)
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept.ends_at > now} | {wanted: token}
        return token
