"""The states of consents that were asked for, kept hashed: who reads the database cannot answer in a seller's name."""

from dataclasses import dataclass
from enum import StrEnum

from receiver.inbox.tokens import Tables
from receiver.inbox.transaction import Transaction

_REMEMBER = 7 * 86400.0
"""Seconds that a state is remembered after its end, to tell a late one from one that never was."""

_COLUMNS = "region, seller_id, redirect_uri, who, ends_at, used_at"
_ADD = f"INSERT INTO consents (state, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, NULL)"  # noqa: S608 - constants alone
_FORGET = "DELETE FROM consents WHERE ends_at < ?"
_FIND = f"SELECT {_COLUMNS} FROM consents WHERE state = ?"  # noqa: S608 - constants alone
_USE = "UPDATE consents SET used_at = ? WHERE state = ? AND used_at IS NULL"
_GIVE_BACK = "UPDATE consents SET used_at = NULL WHERE state = ?"


class Verdict(StrEnum):
    """What a state is worth."""

    GOOD = "good"
    UNKNOWN = "unknown"
    USED = "used"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a seller was asked for. Times are seconds since the epoch."""

    region: str
    seller_id: str
    """The one seller that may answer; empty for any that is not known yet."""
    redirect_uri: str
    """As it stood in the consent URL; empty where it did not."""
    who: str
    ends_at: float


class Consents:
    """The consents of an inbox. Every coroutine raises Unavailable where the inbox cannot work now."""

    def __init__(self, inbox: Tables) -> None:
        self._inbox = inbox

    async def add(self, state: bytes, consent: Consent, now: float) -> None:
        """Keep a consent under the hash of its state, and forget those that ended long ago."""
        await self._inbox.write(_add, (state, consent, now))

    async def look(self, state: bytes, now: float) -> tuple[Verdict, Consent | None]:
        """What a state is worth, changing nothing: guesses cost the disk no write."""
        rows = await self._inbox.rows(_FIND, (state,))
        if not rows:
            return Verdict.UNKNOWN, None
        *fields, used_at = rows[0]
        consent = Consent(*fields)
        late = Verdict.LATE if now >= consent.ends_at else Verdict.GOOD
        return (late if used_at is None else Verdict.USED), consent

    async def use(self, state: bytes, now: float) -> bool:
        """Use a state up; False where that has been done."""
        return await self._inbox.write(_use, (state, now))

    async def give_back(self, state: bytes) -> None:
        """Let a state be used again, where it has served nothing."""
        await self._inbox.write(_give_back, state)


def _add(transaction: Transaction, payloads: list[tuple[bytes, Consent, float]]) -> list[None]:
    for state, consent, now in payloads:
        transaction.execute(_FORGET, (now - _REMEMBER,))
        scope = (consent.region, consent.seller_id, consent.redirect_uri)
        transaction.execute(_ADD, (state, *scope, consent.who, consent.ends_at))
    return [None] * len(payloads)


def _use(transaction: Transaction, payloads: list[tuple[bytes, float]]) -> list[bool]:
    return [transaction.execute(_USE, (now, state)).rowcount > 0 for state, now in payloads]


def _give_back(transaction: Transaction, states: list[bytes]) -> list[None]:
    for state in states:
        transaction.execute(_GIVE_BACK, (state,))
    return [None] * len(states)
