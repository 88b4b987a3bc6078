"""The pages of one call, put together to one answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from handlers.spapi.call import Call, Response
from handlers.spapi.errors import SpapiFault
from handlers.spapi.pagination import clear_token, next_arguments, next_token, token_parameter


@dataclass(slots=True)
class Pages:
    """An answer that grows: its lists hold the entries of all pages so far."""

    answer: Any = None
    number: int = 0
    """How many pages are in."""
    size: int = 0
    """Bytes that came."""
    token: str | None = None
    """Of the next page; None before the first and after the last."""
    last: Response | None = field(default=None, repr=False)

    @property
    def more(self) -> bool:
        """Whether there are pages yet to be fetched."""
        return self.number == 0 or self.token is not None

    def arguments(self, call: Call) -> Mapping[str, Any]:
        """The arguments that ask for the next page."""
        return call.arguments if self.token is None else next_arguments(call.operation, call.arguments, self.token)

    def add(self, call: Call, response: Response) -> None:
        """Take a page in. Raises SpapiFault where it names itself as the next one."""
        token = next_token(response.json) if token_parameter(call.operation) else None
        if token is not None and token == self.token:
            raise SpapiFault(f"{call.operation.full_name}: page {self.number + 1} names itself as the next one")
        self.answer = response.json if self.number == 0 else merged(self.answer, response.json)
        self.number, self.size = self.number + 1, self.size + len(response.content)
        self.token, self.last = token, response

    def content(self) -> bytes:
        """The answer as JSON: without a token once all pages are in, else with that of the next page."""
        return orjson.dumps(clear_token(self.answer, self.token))


def merged(answer: Any, page: Any) -> Any:
    """The answer with the entries of a page behind its own, in each list at its top and in `payload`."""
    if not (isinstance(answer, Mapping) and isinstance(page, Mapping)):
        return page
    grown = dict(answer)
    for name, value in page.items():
        known = grown.get(name)
        if isinstance(known, list) and isinstance(value, list):
            known.extend(value)
        elif name == "payload":
            grown[name] = merged(known, value)
        elif name not in grown:
            grown[name] = value
    return grown
