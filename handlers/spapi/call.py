"""A call that is to be made, and the answer it gets."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handlers.spapi.accounts import Account
from handlers.spapi.operation import Operation

_MARKETPLACES = frozenset({"marketplaceid", "marketplaceids"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation: with what, for whom, and how long it may wait."""

    operation: Operation
    arguments: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    account: Account | str | None = None
    """An account, or its seller id; None takes the one of the marketplace, or the only one."""
    region: str | None = None
    """For a grantless operation called without an account."""
    restricted: Sequence[str] | None = None
    """Data elements to ask a restricted data token for; an empty list asks for one without elements."""
    ticket: Hashable = None
    """Keeps the place in the usage plan's queue for a caller that comes back: the same for each try of one call."""
    patience: float | None = None
    """Seconds to wait for the usage plan before PlanExhausted is raised; None waits as long as it takes."""

    @property
    def marketplace_ids(self) -> list[str]:
        """The marketplaces that arguments and body name."""
        sources = [self.arguments, self.body if isinstance(self.body, Mapping) else {}]
        return [
            marketplace_id
            for source in sources
            for name, value in source.items()
            if isinstance(name, str) and name.lower() in _MARKETPLACES
            for marketplace_id in _texts(value)
        ]


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of a call that went well."""

    operation: str
    status: int
    json: Any
    """The parsed body; None where there is none or it is not JSON."""
    content: bytes
    headers: Mapping[str, str]
    """By lower-case name."""
    request_id: str
    """Amazon's x-amzn-RequestId: what its support asks for."""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (part.strip() for part in value.split(",") if part.strip())
    elif isinstance(value, Sequence):
        yield from (item for item in value if isinstance(item, str))
