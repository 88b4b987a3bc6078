"""Grants that Login with Amazon has just refused for good: every delivery of such a seller would ask for it again."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from handlers.spapi.errors import LwaError

_BELIEVED = 60.0
_CODE = "invalid_grant"


class _Refusal(NamedTuple):
    """What is left of an error: with the error itself, its traceback would hold on to the deliveries that met it."""

    digest: bytes
    at: float
    text: str
    status: int | None


class Revoked:
    """The last refusal of each account. What was refused is known by its digest; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refused: dict[str, _Refusal] = {}

    def check(self, account_id: str, refresh_token: str, client_id: str) -> None:
        """Raise LwaError, as it was, where this very grant was refused within the last minute."""
        last = self._refused.get(account_id)
        if last is None:
            return
        if last.digest == _digest(refresh_token, client_id) and 0 <= self._clock() - last.at < _BELIEVED:
            raise LwaError(last.text, _CODE, last.status)
        del self._refused[account_id]

    def note(self, account_id: str, refresh_token: str, client_id: str, error: LwaError) -> None:
        """Remember what was refused, where asking again cannot help."""
        if error.code == _CODE and not error.retryable:
            digest = _digest(refresh_token, client_id)
            self._refused[account_id] = _Refusal(digest, self._clock(), str(error), error.status)


def _digest(refresh_token: str, client_id: str) -> bytes:
    return hashlib.sha256(f"{client_id}\n{refresh_token}".encode()).digest()
