"""Small HTTP GETs to Amazon, as those see them who ask for one."""

from dataclasses import dataclass
from typing import Protocol

from receiver.errors import RouterError


class FetchFailed(RouterError):
    """No answer came: network, TLS or time-out."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status."""

    status: int
    body: bytes
    complete: bool = True
    """False where the answer was larger than the limit and `body` is its beginning."""


class Fetch(Protocol):
    """How certificates and confirmations are fetched. Tests and simulators bring their own."""

    async def __call__(self, url: str, *, limit: int, seconds: float) -> Fetched:
        """GET `url` as it is spelled; at most `limit` bytes within `seconds`. Raises FetchFailed."""
        ...
