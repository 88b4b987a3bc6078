"""The seller accounts a call can be made for, and their refresh tokens: configured ones and authorized ones."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import orjson

from handlers.settings import Secret
from handlers.spapi.errors import AccountError, VaultError
from handlers.spapi.regions import MARKETPLACES, REGIONS, region
from handlers.spapi.tokenstore import Action, AuditEntry, TokenRecord, TokenStore
from handlers.spapi.vault import Vault

_LISTED = 30.0
"""Seconds that the list of accounts is used before it is read anew: another process may have added one."""


@dataclass(frozen=True, slots=True)
class Account:
    """A seller (or vendor) in one region."""

    seller_id: str
    region: str
    marketplaces: tuple[str, ...] = ()
    """Marketplace ids; none stands for every one of the region."""
    refresh_token: Secret | None = field(default=None, compare=False)
    """Where the rules file says the token is; None for an account that was authorized into the store."""

    @property
    def id(self) -> str:
        """Names the account everywhere: a seller may trade in several regions under one seller id."""
        return f"{self.seller_id}@{self.region}"

    def trades_in(self, marketplace_id: str) -> bool:
        """Whether the account has that marketplace."""
        if self.marketplaces:
            return marketplace_id in self.marketplaces
        known = MARKETPLACES.get(marketplace_id)
        return known is not None and known.region == self.region


class Accounts:
    """Every account, with its refresh token sealed by the vault and every touch of it in the audit log."""

    def __init__(
        self,
        store: TokenStore,
        vault: Vault | None,
        configured: Iterable[Account] = (),
        *,
        clock: Callable[[], float],
        who: str,
    ) -> None:
        """`who` goes into the audit log: the daemon, or the person at the command line."""
        self._store = store
        self._vault = vault
        self._configured = {account.id: account for account in configured}
        self._clock = clock
        self._who = who
        self._unsaved: dict[str, _Token] = {}
        self._listed: tuple[float, list[Account]] | None = None
        for account in self._configured.values():
            region(account.region)

    async def every(self) -> list[Account]:
        """All accounts by id: those of the rules file win over stored ones of the same id."""
        stored = {record.account_id: _account(record) for record in await self._store.list()}
        accounts = stored | self._configured
        listed = [accounts[account_id] for account_id in sorted(accounts)]
        self._listed = (self._clock() + _LISTED, listed)
        return listed

    async def choose(self, seller_id: str | None = None, marketplace_ids: Sequence[str] = ()) -> Account:
        """The account of a seller id (or account id), of the marketplaces, or the only one there is.

        Raises AccountError, which says how to authorize one or which ones there are.
        """
        if self._listed and self._clock() < self._listed[0]:
            listed = self._listed[1]
            found = _matching(listed, seller_id, marketplace_ids)
            if len(found) == 1:
                return found[0]
            if seller_id and not found and not await self._is_stored(seller_id):
                raise AccountError(_no_choice(listed, found, seller_id))
        every = await self.every()
        found = _matching(every, seller_id, marketplace_ids)
        if len(found) == 1:
            return found[0]
        raise AccountError(_no_choice(every, found, seller_id))

    async def add(self, account: Account, refresh_token: str) -> None:
        """Keep an account that has been authorized.

        Raises AccountError for what is no refresh token, VaultError where there is no key to seal it with.
        """
        region(account.region)
        _check_token(refresh_token)
        known = await self._store.load(account.id)
        action = Action.CHANGE if known else Action.ADD
        await self._save(account, _Token(refresh_token), self._entry(account.id, action), known)
        self._forget(account)

    async def remove(self, account: Account) -> bool:
        """Forget a stored account; False where it is not stored."""
        self._forget(account)
        return await self._store.delete(account.id, self._entry(account.id, Action.REMOVE))

    async def rotate(self) -> int:
        """Seal every stored token with the current key; how many were sealed with another.

        Safe to interrupt and to run again: each record is whole under the old key or under the new. Raises VaultError
        for a record that does not open, after all others.
        """
        vault = self._needed_vault()
        count, failure = 0, None
        for record in await self._store.list():
            try:
                count += await self._rotate(vault, record)
            except VaultError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return count

    async def refresh_token(self, account: Account) -> str:
        """The account's refresh token in clear; the audit log keeps that it was read.

        A token that Login with Amazon has put in place of the configured one is used until the configured one
        changes. Raises AccountError, VaultError or SecretError.
        """
        configured = account.refresh_token.read() if account.refresh_token else None
        await self._save_pending(account)
        token = self._unsaved.get(account.id) or await self._stored(account)
        await self._store.audit(self._entry(account.id, Action.READ))
        if configured is not None and (token is None or token.replaces != _digest(configured)):
            return configured
        if token is None:
            raise AccountError(f"account {account.id} has no refresh token: run `spapi-router authorize`")
        return token.value

    async def replace(self, account: Account, old: str, new: str) -> bool:
        """Keep the refresh token that came in place of `old`; False where there is no key, so it is in memory only."""
        configured = old if account.refresh_token is None else account.refresh_token.read()
        self._unsaved[account.id] = _Token(new, _digest(configured))
        if self._vault is None:
            await self._store.audit(self._entry(account.id, Action.CHANGE, "kept in memory: there is no key"))
            return False
        await self._save_pending(account)
        return True

    async def refreshed(self, account: Account) -> None:
        """Note in the audit log that the account's token was exchanged for a new access token."""
        await self._store.audit(self._entry(account.id, Action.REFRESH))

    async def _rotate(self, vault: Vault, listed: TokenRecord) -> bool:
        """Seal a record with the current key; False where it is, or where it has been removed."""
        record: TokenRecord | None = listed
        while record is not None and record.sealed.key_id != vault.key_id:
            if await self._reseal(vault, record):
                return True
            record = await self._store.load(listed.account_id)
        return False

    async def _reseal(self, vault: Vault, record: TokenRecord) -> bool:
        """Seal a record anew; False where another process, such as the daemon, has changed it meanwhile."""
        sealed = vault.seal(vault.open(record.sealed, record.account_id), record.account_id)
        entry = self._entry(record.account_id, Action.ROTATE, f"from key {record.sealed.key_id} to {vault.key_id}")
        return await self._store.swap(record, replace(record, sealed=sealed, updated_at=entry.at), entry)

    async def _is_stored(self, seller_id: str) -> bool:
        """Whether another process has added the account meanwhile.

        To read all of 500 took five times as long, for each delivery of a seller who is not there.
        """
        ids = [seller_id] if "@" in seller_id else [f"{seller_id}@{name}" for name in REGIONS]
        for account_id in ids:
            if await self._store.load(account_id) is not None:
                return True
        return False

    def _forget(self, account: Account) -> None:
        self._unsaved.pop(account.id, None)
        self._listed = None

    async def _save_pending(self, account: Account) -> None:
        """Save a changed token that is in memory only, also one that could not be saved when it came."""
        token = self._unsaved.get(account.id)
        if token is None or self._vault is None:
            return
        known = await self._store.load(account.id)
        await self._save(account, token, self._entry(account.id, Action.CHANGE), known)
        self._unsaved.pop(account.id, None)

    async def _stored(self, account: Account) -> "_Token | None":
        record = await self._store.load(account.id)
        if record is None or (self._vault is None and account.refresh_token is not None):
            return None
        return _Token.parse(self._needed_vault().open(record.sealed, account.id))

    async def _save(self, account: Account, token: "_Token", entry: AuditEntry, known: TokenRecord | None) -> None:
        record = TokenRecord(
            account_id=account.id,
            seller_id=account.seller_id,
            region=account.region,
            marketplaces=account.marketplaces,
            sealed=self._needed_vault().seal(token.dump(), account.id),
            created_at=known.created_at if known else entry.at,
            updated_at=entry.at,
        )
        await self._store.save(record, entry)

    def _needed_vault(self) -> Vault:
        if self._vault is None:
            raise VaultError("the token store has no key: set `key` under [spapi], made with `openssl rand -base64 32`")
        return self._vault

    def _entry(self, account_id: str, action: Action, detail: str = "") -> AuditEntry:
        return AuditEntry(self._clock(), self._who, account_id, action, detail)


@dataclass(frozen=True, slots=True)
class _Token:
    """What is sealed: a refresh token, and the digest of the configured one that it came in place of."""

    value: str = field(repr=False)
    replaces: str = ""

    @classmethod
    def parse(cls, text: bytes) -> "_Token":
        fields = orjson.loads(text)
        return cls(fields["refresh_token"], fields["replaces"])

    def dump(self) -> bytes:
        return orjson.dumps({"refresh_token": self.value, "replaces": self.replaces})


def _matching(every: Sequence[Account], seller_id: str | None, marketplace_ids: Sequence[str]) -> list[Account]:
    found = [item for item in every if seller_id in {None, item.seller_id, item.id}]
    if len(found) > 1 and marketplace_ids:
        return [item for item in found if item.trades_in(marketplace_ids[0])] or found
    return found


def _check_token(token: str) -> None:
    if token.startswith("Atza|"):
        raise AccountError("that is an access token, which lasts an hour: a refresh token begins with Atzr|")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise AccountError("that is no refresh token: it is one line of printable ASCII, and begins with Atzr|")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _account(record: TokenRecord) -> Account:
    return Account(record.seller_id, record.region, record.marketplaces)


def _no_choice(every: Sequence[Account], found: Sequence[Account], seller_id: str | None) -> str:
    if not every:
        return (
            "there is no SP-API account: run `spapi-router authorize`, or add one to the rules file under "
            "[[spapi.accounts]]"
        )
    if not found:
        return (
            f"there is no SP-API account of seller {seller_id}: run `spapi-router authorize` to let that seller grant "
            "access, or add it to the rules file under [[spapi.accounts]]"
        )
    shown = ", ".join(item.id for item in found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
    return f"there are several SP-API accounts ({shown}): name the one to call with"
