"""Where refresh tokens rest: the door to the store, the records that pass through it, and a store in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from handlers.spapi.vault import Sealed


class Action(StrEnum):
    """What happened to an account's token."""

    ADD = "add"
    READ = "read"
    """Decrypted, to be sent to Login with Amazon."""
    REFRESH = "refresh"
    """Exchanged for a new access token."""
    CHANGE = "change"
    """Login with Amazon or a person replaced it."""
    ROTATE = "rotate"
    """Sealed anew with another key."""
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """An account with its sealed refresh token. Times are seconds since the epoch, UTC."""

    account_id: str
    seller_id: str
    region: str
    marketplaces: tuple[str, ...]
    sealed: Sealed
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which account's token, and when. Never holds a token."""

    at: float
    who: str
    account_id: str
    action: Action
    detail: str = ""


class TokenStore(Protocol):
    """What keeps the records. Each coroutine that changes something returns when the change is on disk."""

    async def save(self, record: TokenRecord, entry: AuditEntry) -> None:
        """Keep a record in place of the one of its account id, together with the entry that says why."""

    async def swap(self, before: TokenRecord, record: TokenRecord, entry: AuditEntry) -> bool:
        """Keep a record in place of `before`; False, and nothing kept, where that was changed or removed meanwhile."""

    async def load(self, account_id: str) -> TokenRecord | None:
        """The record of an account id."""

    async def list(self) -> Sequence[TokenRecord]:
        """Every record, by account id."""

    async def delete(self, account_id: str, entry: AuditEntry) -> bool:
        """Forget a record; False, and no entry kept, where there is none."""

    async def audit(self, entry: AuditEntry) -> None:
        """Keep an entry of the audit log."""


class MemoryTokenStore:
    """A token store that lasts as long as the process."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self._records: dict[str, TokenRecord] = {}

    async def save(self, record: TokenRecord, entry: AuditEntry) -> None:
        self._records[record.account_id] = record
        self.entries.append(entry)

    async def swap(self, before: TokenRecord, record: TokenRecord, entry: AuditEntry) -> bool:
        known = self._records.get(before.account_id)
        if known is None or known.sealed.nonce != before.sealed.nonce:
            return False
        await self.save(record, entry)
        return True

    async def load(self, account_id: str) -> TokenRecord | None:
        return self._records.get(account_id)

    async def list(self) -> Sequence[TokenRecord]:
        return [self._records[account_id] for account_id in sorted(self._records)]

    async def delete(self, account_id: str, entry: AuditEntry) -> bool:
        if self._records.pop(account_id, None) is None:
            return False
        self.entries.append(entry)
        return True

    async def audit(self, entry: AuditEntry) -> None:
        self.entries.append(entry)
