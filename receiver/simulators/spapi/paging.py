"""Pages of a list, and the tokens that lead from one to the next."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from receiver.simulators.spapi.ask import Ask, invalid

T = TypeVar("T")


def page(ask: Ask, items: Sequence[T], size: int, token: str) -> tuple[Sequence[T], str | None]:
    """The page that a token asks for (the first for an empty one) and the token of the next.

    A token holds for the operation that gave it alone. Raises Rejected for another.
    """
    start = _start(ask, token) if token else 0
    end = start + size
    following = _token(ask, end) if end < len(items) else None
    return items[start:end], following


def _token(ask: Ask, start: int) -> str:
    return base64.urlsafe_b64encode(f"{ask.operation.full_name}\n{start}".encode()).decode()


def _start(ask: Ask, token: str) -> int:
    try:
        name, start = base64.urlsafe_b64decode(token.encode()).decode().split("\n")
        if name == ask.operation.full_name:
            return int(start)
    except (ValueError, binascii.Error):
        pass
    raise invalid("The pagination token is invalid.")
