"""Sealed refresh tokens and their audit log in the inbox's database: the token store of `handlers.spapi`.

A record and the entry that says why it changed are written in one transaction, by the daemon or by a command beside it.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from receiver.inbox.executor import Operation
from receiver.inbox.transaction import Transaction

P = TypeVar("P")
R = TypeVar("R")
Row = tuple[Any, ...]
"""A record or an entry on its way to the process that writes, which does without the classes of `handlers.spapi`."""

VERSION_2 = """
CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    seller_id TEXT NOT NULL,
    region TEXT NOT NULL,
    marketplaces TEXT NOT NULL,
    key_id TEXT NOT NULL,
    nonce BLOB NOT NULL,
    ciphertext BLOB NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    account_id TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_account ON audit (account_id, action, at);
CREATE INDEX audit_use ON audit (at) WHERE action IN ('read', 'refresh');

CREATE TABLE consents (
    state BLOB PRIMARY KEY,
    region TEXT NOT NULL,
    seller_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    who TEXT NOT NULL,
    ends_at REAL NOT NULL,
    used_at REAL
) WITHOUT ROWID;
"""

KEEP_USE = 90 * 86400.0
"""Seconds that entries of reads and refreshes are kept; those of changes are kept for good."""
_FORGET_AT_ONCE = 10

_COLUMNS = "account_id, seller_id, region, marketplaces, key_id, nonce, ciphertext, created_at, updated_at"
_SAVE = f"INSERT OR REPLACE INTO accounts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_IS_SEALED_SO = "SELECT 1 FROM accounts WHERE account_id = ? AND nonce = ?"
_DELETE = "DELETE FROM accounts WHERE account_id = ?"
_LOAD = f"SELECT {_COLUMNS} FROM accounts WHERE account_id = ?"  # noqa: S608 - constants alone
_LIST = f"SELECT {_COLUMNS} FROM accounts ORDER BY account_id"  # noqa: S608 - constants alone
_AUDIT = "INSERT INTO audit (at, who, account_id, action, detail) VALUES (?, ?, ?, ?, ?)"
_FORGET_USE = (
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit INDEXED BY audit_use "
    "WHERE action IN ('read', 'refresh') AND at < ? ORDER BY at LIMIT ?)"
)
_REFRESHED = "SELECT max(at) FROM audit INDEXED BY audit_account WHERE account_id = ? AND action = 'refresh'"
_ENTRIES = "SELECT at, who, account_id, action, detail FROM audit WHERE (?1 = '' OR account_id = ?1) ORDER BY id DESC"


class Tables(Protocol):
    """The inbox as the tables beside deliveries need it: `receiver.inbox.SqliteInbox`."""

    async def write(self, operation: Operation[P, R], payload: P) -> R:
        """Do a payload in the next transaction; returns once that is on disk."""

    async def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a query finds."""


class InboxTokens:
    """The token store in an inbox. Records and entries are those of `handlers.spapi.tokenstore`.

    Every coroutine raises Unavailable where the inbox cannot work now.
    """

    def __init__(self, inbox: Tables) -> None:
        self._inbox = inbox

    async def save(self, record: Any, entry: Any) -> None:
        """Keep a record in place of the one of its account id, together with the entry that says why."""
        await self._inbox.write(_save, (_row(record), _note(entry)))

    async def swap(self, before: Any, record: Any, entry: Any) -> bool:
        """Keep a record in place of `before`; False where that has been changed or removed meanwhile."""
        return await self._inbox.write(_swap, (_version(before), _row(record), _note(entry)))

    async def load(self, account_id: str) -> Any:
        """The record of an account id, or None."""
        rows = await self._inbox.rows(_LOAD, (account_id,))
        return _record(rows[0]) if rows else None

    async def list(self) -> list[Any]:
        """Every record, by account id."""
        return [_record(row) for row in await self._inbox.rows(_LIST)]

    async def delete(self, account_id: str, entry: Any) -> bool:
        """Forget a record; False, and no entry kept, where there is none."""
        return await self._inbox.write(_delete, (account_id, _note(entry)))

    async def audit(self, entry: Any) -> None:
        """Keep an entry of the audit log."""
        await self._inbox.write(_audit, _note(entry))

    async def refreshed_at(self, account_id: str) -> float | None:
        """When an account's token was last exchanged for an access token, as far back as entries are kept."""
        at: float | None = (await self._inbox.rows(_REFRESHED, (account_id,)))[0][0]
        return at

    async def entries(self, account_id: str = "", limit: int = 100) -> Sequence[Any]:
        """The last entries of the audit log, of one account or of all, newest first."""
        rows = await self._inbox.rows(f"{_ENTRIES} LIMIT ?2", (account_id, limit))
        spapi = _spapi()
        return [spapi.AuditEntry(*row[:3], spapi.Action(row[3]), row[4]) for row in rows]


def _spapi() -> Any:
    # Only for who reads records: the process that writes the inbox does without the handlers and what they are made of.
    from handlers import registry

    return registry.spapi()


def _record(row: Sequence[Any]) -> Any:
    spapi = _spapi()
    account_id, seller_id, region, marketplaces, key_id, nonce, ciphertext, *times = row
    sealed = spapi.Sealed(key_id, nonce, ciphertext)
    return spapi.TokenRecord(account_id, seller_id, region, tuple(marketplaces.split()), sealed, *times)


def _row(record: Any) -> Row:
    sealed = record.sealed
    names = (record.account_id, record.seller_id, record.region, " ".join(record.marketplaces))
    token = (sealed.key_id, sealed.nonce, sealed.ciphertext)
    return (*names, *token, record.created_at, record.updated_at)


def _version(record: Any) -> Row:
    return record.account_id, record.sealed.nonce


def _note(entry: Any) -> Row:
    return entry.at, entry.who, entry.account_id, str(entry.action), entry.detail


def _save(transaction: Transaction, payloads: list[tuple[Row, Row]]) -> list[None]:
    for row, note in payloads:
        transaction.execute(_SAVE, row)
        transaction.execute(_AUDIT, note)
    return [None] * len(payloads)


def _swap(transaction: Transaction, payloads: list[tuple[Row, Row, Row]]) -> list[bool]:
    done = []
    for before, row, note in payloads:
        same = transaction.row(_IS_SEALED_SO, before) is not None
        if same:
            transaction.execute(_SAVE, row)
            transaction.execute(_AUDIT, note)
        done.append(same)
    return done


def _delete(transaction: Transaction, payloads: list[tuple[str, Row]]) -> list[bool]:
    done = []
    for account_id, note in payloads:
        gone = transaction.execute(_DELETE, (account_id,)).rowcount > 0
        if gone:
            transaction.execute(_AUDIT, note)
        done.append(gone)
    return done


def _audit(transaction: Transaction, notes: list[Row]) -> list[None]:
    for note in notes:
        transaction.execute(_AUDIT, note)
        transaction.execute(_FORGET_USE, (note[0] - KEEP_USE, _FORGET_AT_ONCE))
    return [None] * len(notes)
